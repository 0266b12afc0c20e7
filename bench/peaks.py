#!/usr/bin/env python3
"""How much memory `update_profile` takes for each picture in some folders, and for the largest ones.

One process of the packaged function, behind Lambda's runtime API, converts all of a folder, one after
the other. Its address space is limited to its memory on Lambda, which is less than Lambda gives it: a
process may have more address space than memory. Fails if an answer is neither 200 nor 400.

Needs Linux, and what is in requirements.txt.
"""

import argparse
import base64
import io
import pathlib
import struct
import sys
import time
import zlib

from PIL import Image

from avatar import photograph
from sandbox import JWT_SECRET, Sandbox, bootstrap, event
from service import Service, memory_mb, table

MEMORY_MIB = 1_769
# The gateway refuses a larger file, which no event can hold.
MAX_BYTES = 4 << 20
# The largest sides of a picture that is taken: 50 megapixels.
SIDES = (8_192, 6_103)
BOUNDARY = "a-boundary-of-the-benchmark"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=pathlib.Path, help="folders with pictures")
    parser.add_argument("--log", type=argparse.FileType("w"), help="a file for a line about each picture")
    options = parser.parse_args()
    groups = [(folder.name, files(folder)) for folder in options.folders]
    groups += [(name, iter([(name, upload)])) for name, upload in largest()]
    rows = []
    command = ["prlimit", f"--as={MEMORY_MIB << 20}", bootstrap("update_profile")]
    with Service("--example", JWT_SECRET=JWT_SECRET) as service:
        for group, uploads in groups:
            with Sandbox(command, service.variables()) as sandbox:
                rows.append([group, *converted(sandbox, group, uploads, options.log)])
    table(["pictures", "taken", "refused", "longest, s", "peak memory, MB", "of", "address space, MB"], rows)


def converted(sandbox, group, uploads, log):
    """A row about some pictures."""
    taken, refused, longest, most = 0, 0, 0, (0, "")
    for name, upload in uploads:
        status, took, peak = convert(sandbox, name, upload)
        taken += status == 200
        refused += status == 400
        longest, most = max(longest, took), max(most, (peak, name))
        print(f"{status} {took:6.2f} s {peak:5.0f} MB {len(upload):7} bytes {group}/{name}", file=log, flush=True)
    return taken, refused, longest, *most, memory_mb(sandbox.pid, "VmPeak")


def convert(sandbox, name, upload):
    """Uploads a picture: the status, the seconds that it took, and the peak memory in MB meanwhile."""
    # Forgets the peak of the pictures before (proc_pid_clear_refs(5)).
    pathlib.Path(f"/proc/{sandbox.pid}/clear_refs").write_text("5")
    started = time.perf_counter()
    answer, _ = sandbox.call(request(upload))
    took = time.perf_counter() - started
    if answer["statusCode"] not in (200, 400):
        sys.exit(f"{name} was answered {answer}")
    return answer["statusCode"], took, memory_mb(sandbox.pid, "VmHWM")


def request(upload):
    """The event of an upload."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="avatar"; filename="avatar"\r\n\r\n'
    body = head.encode() + upload + f"\r\n--{BOUNDARY}--\r\n".encode()
    result = event("update_profile/200-avatar")
    for headers, value in (("headers", str), ("multiValueHeaders", lambda text: [text])):
        for name in result.get(headers) or {}:
            if name.lower() == "content-type":
                result[headers][name] = value(f"multipart/form-data; boundary={BOUNDARY}")
    return result | {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}


def files(folder):
    """The name and the bytes of each file in a folder, and in those in it."""
    for file in sorted(folder.rglob("*")):
        if file.is_file() and file.stat().st_size <= MAX_BYTES:
            yield file.relative_to(folder), file.read_bytes()


def largest():
    """The name and the bytes of a picture of 50 megapixels of each kind."""
    # So that it fits, it is one that was blown up.
    picture = photograph(800, 596).resize(SIDES, Image.Resampling.BICUBIC)
    few = picture.quantize(16, dither=Image.Dither.NONE)
    gray, cmyk, alpha = picture.convert("L"), picture.convert("CMYK"), picture.convert("RGBA")
    alpha.putalpha(gray)
    progressive = {"quality": 40, "progressive": True}
    for name, image, kind, options in [
        ("JPEG", picture, "JPEG", {"quality": 40}),
        ("JPEG, CMYK", cmyk, "JPEG", {"quality": 20}),
        ("JPEG, progressive", picture, "JPEG", progressive),
        ("JPEG, progressive, 4:4:4", picture, "JPEG", progressive | {"subsampling": "4:4:4"}),
        ("JPEG, progressive, CMYK", cmyk, "JPEG", progressive | {"quality": 20}),
        ("PNG, palette", few, "PNG", {}),
        ("PNG, RGB", few.convert("RGB"), "PNG", {}),
        ("PNG, RGBA", few.convert("RGBA"), "PNG", {}),
        ("GIF", few, "GIF", {}),
        ("WebP, lossy", picture, "WEBP", {"quality": 40, "method": 1}),
        ("WebP, lossy, with alpha", alpha, "WEBP", {"quality": 40, "method": 1, "alpha_quality": 10}),
        ("WebP, lossless", few.convert("RGB"), "WEBP", {"lossless": True, "method": 1}),
        ("WebP, lossless, with alpha", few.convert("RGBA"), "WEBP", {"lossless": True, "method": 1}),
    ]:
        upload = io.BytesIO()
        image.save(upload, kind, **options)
        if len(upload.getvalue()) > MAX_BYTES:
            sys.exit(f"{name} has {len(upload.getvalue())} bytes")
        yield f"{name}, 50 megapixels", upload.getvalue()
    yield "PNG, RGBA of 16 bits, 50 megapixels", png_of_16_bits(few.convert("RGBA"))


def png_of_16_bits(image):
    """A PNG of 16 bits, which Pillow does not write. Each row is its difference from the one before."""
    import numpy

    channels = numpy.asarray(image).astype(">u2") * 257
    rows = channels.view(numpy.uint8).reshape(image.height, -1)
    rows = numpy.diff(rows, axis=0, prepend=numpy.zeros_like(rows[:1]))
    data = numpy.hstack([numpy.full((image.height, 1), 2, numpy.uint8), rows]).tobytes()
    png = b"\x89PNG\r\n\x1a\n"
    header = struct.pack(">IIBBBBB", *image.size, 16, 6, 0, 0, 0)
    for name, content in [(b"IHDR", header), (b"IDAT", zlib.compress(data)), (b"IEND", b"")]:
        png += struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
    if len(png) > MAX_BYTES:
        sys.exit(f"the PNG of 16 bits has {len(png)} bytes")
    return png


if __name__ == "__main__":
    main()
