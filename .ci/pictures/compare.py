"""Compares avatars of JPEGs of every kind with what libjpeg-turbo shows of them, which is Pillow's decoder."""

import io
import pathlib
import statistics
import subprocess
import sys
import tempfile

import numpy
from PIL import Image, features

# The longer side of an avatar.
SIDE = 512

# Most that the mean of a channel's difference in a quadrant may be, of 255. The avatar is compressed
# once more, with half of the colors.
MOST = 3

# On both sides of where images are decoded at a smaller scale, and no multiple of any block.
SIZES = [(301, 203), (1535, 701), (1537, 703), (2049, 1201), (3999, 1007)]

# Sampling factors of three components, as `cjpeg` takes them.
SAMPLINGS = [
    *["1x1", "2x1", "1x2", "2x2", "4x1", "1x4", "4x2", "2x4", "3x1", "1x3", "3x2"],
    *["1x1,2x2,1x1", "2x2,1x1,1x2", "2x2,2x1,1x2", "4x1,2x1,1x1", "1x4,1x2,1x2"],
]

# The coefficients of each color after those of the one before.
COLOR_BY_COLOR = "0;\n1;\n2;\n"

def main(convert):
    assert features.check_feature("libjpeg_turbo"), "Pillow has another decoder"
    kinds = {}
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        scans = folder / "scans"
        scans.write_text(COLOR_BY_COLOR)
        with subprocess.Popen([convert], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            for size in SIZES:
                for kind, jpeg in variants(size, scans):
                    avatar = converted(process, folder, kind, jpeg)
                    kinds.setdefault(kind, []).append(differences(jpeg, avatar))
    print("| Kind | Files | Mean | Worst quadrant |\n|---|---|---|---|")
    for kind, found in [*kinds.items(), ("all", sum(kinds.values(), []))]:
        mean = statistics.mean(numpy.mean(quadrants) for quadrants in found)
        print(f"| {kind} | {len(found)} | {mean:.2f} | {max(max(quadrants) for quadrants in found):.2f} |")
    if any(max(quadrants) > MOST for found in kinds.values() for quadrants in found):
        sys.exit(f"a quadrant differs by more than {MOST}")


def converted(process, folder, kind, jpeg):
    """The avatar, as an image."""
    picture, avatar = folder / "picture", folder / "avatar"
    picture.write_bytes(jpeg)
    process.stdin.write(f"{picture}\t{avatar}\n")
    process.stdin.flush()
    if refusal := process.stdout.readline().rstrip():
        sys.exit(f"a JPEG of {len(jpeg)} bytes ({kind}) was refused: {refusal}")
    return Image.open(io.BytesIO(avatar.read_bytes())).convert("RGB")


def differences(jpeg, avatar):
    """The mean difference in each quadrant."""
    shown = Image.open(io.BytesIO(jpeg))
    if shown.mode == "CMYK":
        # Pillow has turned it round: 255 is all of an ink.
        inks = 255 - numpy.asarray(shown, numpy.uint16)
        shown = Image.fromarray((inks[:, :, :3] * inks[:, :, 3:] // 255).astype(numpy.uint8))
    shown = shown.convert("RGB").resize(avatar.size, Image.Resampling.LANCZOS)
    difference = abs(numpy.asarray(shown, numpy.int16) - numpy.asarray(avatar, numpy.int16))
    height, width = difference.shape[0] // 2, difference.shape[1] // 2
    return [
        difference[top : top + height, left : left + width].mean()
        for top in (0, difference.shape[0] - height)
        for left in (0, difference.shape[1] - width)
    ]


def variants(size, scans):
    """The kind of each file, and its bytes."""
    picture = draw(*size)
    pixels = io.BytesIO()
    picture.save(pixels, "PPM")
    pixels = pixels.getvalue()

    def cjpeg(*options):
        return run("cjpeg", "-quality", "90", *options, stdin=pixels)

    for sampling in SAMPLINGS:
        jpeg = cjpeg("-sample", sampling)
        yield "baseline", jpeg
        yield "progressive", run("jpegtran", "-progressive", stdin=jpeg)
        yield "restart intervals", run("jpegtran", "-restart", "7B", stdin=jpeg)
        yield "not interleaved", run("jpegtran", "-scans", scans, stdin=jpeg)
    yield "gray", cjpeg("-grayscale")
    yield "gray", cjpeg("-grayscale", "-sample", "2x2")
    yield "gray", cjpeg("-grayscale", "-progressive")
    rgb, transformed = cjpeg("-rgb", "-sample", "1x1"), cjpeg("-sample", "2x2")
    yield "RGB", rgb
    for jpeg in (rgb, transformed):
        for transform in (None, 0, 1, 2):
            yield "Adobe's marker", with_marker(jpeg, transform, keep_jfif=False)
            yield "Adobe's marker beside JFIF", with_marker(jpeg, transform, keep_jfif=True)
    inks = Image.merge("CMYK", [*picture.split(), picture.convert("L")])
    for options in ({"subsampling": 0}, {"subsampling": 2}, {"subsampling": 0, "progressive": True}):
        jpeg = io.BytesIO()
        inks.save(jpeg, "JPEG", quality=90, **options)
        for transform in (None, 0, 1, 2):
            kind = "YCCK" if transform else "CMYK"
            yield kind, with_marker(jpeg.getvalue(), transform, keep_jfif=False)


def draw(width, height):
    """A picture whose quadrants differ, and change slowly within."""
    y, x = numpy.mgrid[0:height, 0:width].astype(numpy.float32)
    u, v = x / width, y / height
    waves = [numpy.sin(9 * u + 3 * v), numpy.cos(7 * v - 2 * u), numpy.sin(5 * u * v * 6)]
    quadrant = (u > 0.5).astype(int) + 2 * (v > 0.5)
    colors = numpy.array([[200, 60, 60], [60, 200, 60], [60, 60, 200], [190, 190, 190]], numpy.float32)
    pixels = colors[quadrant] + 30 * numpy.dstack(waves)
    return Image.fromarray(pixels.clip(0, 255).astype(numpy.uint8))


def with_marker(jpeg, transform, keep_jfif):
    """The JPEG with Adobe's marker (ITU-T T.872, section 6.5.3) or without it."""
    head, rest = jpeg[:2], jpeg[2:]
    while rest[1] in (0xE0, 0xEE):
        length = 2 + int.from_bytes(rest[2:4], "big")
        if rest[1] == 0xE0 and keep_jfif:
            head += rest[:length]
        rest = rest[length:]
    if transform is not None:
        head += b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0" + bytes([transform])
    return head + rest


def run(*command, stdin):
    return subprocess.run(command, input=stdin, stdout=subprocess.PIPE, check=True).stdout


main(sys.argv[1])
