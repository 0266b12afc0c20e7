#!/usr/bin/env python3
"""Compares how pictures become avatars with libvips (sharp) and Pillow, on the same bytes.

Each of them has a process of its own on one processor, as a function of 1,769 MB has, and converts
in turns with the others. Likeness is the structural similarity (SSIM) of what it wrote to the same
picture scaled down without loss. A table goes to the standard output.

Needs Linux, what is in requirements.txt, and `npm ci --prefix bench/node`.
"""

import argparse
import io
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

from PIL import Image, ImageDraw, ImageFilter

from sandbox import bootstrap
from service import memory_mb, table

SHARP = pathlib.Path(__file__).parent / "node" / "convert.mjs"
SIDE, QUALITY = 512, 80
# How long libwebp looks for a smaller file: what sharp and Pillow have by default, and what
# `update_profile` has.
DEFAULT_EFFORT, EFFORT = "4", "2"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30, help="conversions of each picture by each")
    parser.add_argument("--pillow", metavar="PICTURE", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.pillow:
        return convert_with_pillow(options.pillow)

    # One processor for all, each after the other.
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    workers = {
        "update_profile": [bootstrap("convert")],
        "sharp": ["node", SHARP, DEFAULT_EFFORT],
        f"sharp, effort {EFFORT}": ["node", SHARP, EFFORT],
        "Pillow": [sys.executable, __file__, "--pillow"],
    }
    head = ["picture", "by", "ms", "of sharp's", "fastest, ms", "of sharp's", "peak, MB", "idle, MB", "WebP, KB", "SSIM"]
    with tempfile.TemporaryDirectory() as folder:
        rows = [
            row
            for name, picture, upload in pictures()
            for row in compare(name, picture, upload, workers, options.rounds, pathlib.Path(folder))
        ]
    table(head, rows)


def compare(name, picture, upload, workers, rounds, folder):
    """A row for each of those that convert, after so many rounds."""
    file = folder / "upload"
    file.write_bytes(upload)
    print(f"{name}: {len(upload) / 1e6:.2f} MB", file=sys.stderr, flush=True)
    ideal = scaled_down(picture)
    running = {by: Worker(command, file) for by, command in workers.items()}
    for number in range(rounds):
        for by, worker in running.items():
            worker.convert(folder / by)
    median = {by: statistics.median(worker.times) for by, worker in running.items()}
    fastest = {by: min(worker.times) for by, worker in running.items()}
    for by, worker in running.items():
        avatar = folder / by
        yield [
            name,
            by,
            median[by],
            median[by] / median["sharp"],
            fastest[by],
            fastest[by] / fastest["sharp"],
            worker.peak_mb(),
            worker.idle_mb,
            avatar.stat().st_size / 1e3,
            f"{similarity(ideal, Image.open(avatar)):.4f}",
        ]
        worker.stop()


class Worker:
    """A process that converts the picture in a file whenever it is told where to write the avatar."""

    def __init__(self, command, picture):
        self.process = subprocess.Popen([*command, picture], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline() != "ready\n":
            sys.exit(f"{command} did not start")
        self.idle_mb, self.times = self.peak_mb(), []

    def convert(self, avatar):
        self.process.stdin.write(f"{avatar}\n")
        self.process.stdin.flush()
        self.times.append(float(self.process.stdout.readline()))

    def peak_mb(self):
        return memory_mb(self.process.pid, "VmHWM")

    def stop(self):
        self.process.communicate()


def convert_with_pillow(picture):
    """The process that converts with Pillow."""
    upload = pathlib.Path(picture).read_bytes()
    print("ready", flush=True)
    for line in sys.stdin:
        started = time.perf_counter()
        image = Image.open(io.BytesIO(upload))
        # It has a JPEG decoded at the smallest scale that leaves twice the pixels.
        image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
        avatar = io.BytesIO()
        image.save(avatar, "WEBP", quality=QUALITY)
        duration = time.perf_counter() - started
        pathlib.Path(line.rstrip()).write_bytes(avatar.getvalue())
        print(duration * 1e3, flush=True)


def pictures():
    """The name of each picture, itself as a decoder shows it, and its bytes."""
    large = photograph(4000, 3000)
    jpeg = {"quality": 87, "subsampling": "4:2:0"}
    small = large.resize((1200, 900), Image.Resampling.LANCZOS)
    for name, image, kind, options in [
        ("JPEG, 12 megapixels", large, "JPEG", jpeg),
        ("progressive JPEG, 12 megapixels", large, "JPEG", jpeg | {"progressive": True}),
        ("PNG, 1,200 × 900", small, "PNG", {}),
    ]:
        upload = io.BytesIO()
        image.save(upload, kind, **options)
        yield name, Image.open(upload).convert("RGB"), upload.getvalue()


def photograph(width, height):
    """Something like a photograph, always the same.

    Leaves of all sizes that lie over each other ("dead leaves", as in the charts that cameras are
    tested with, ISO/TS 19567-2) have the edges and the spectrum of one. Over them are light that
    changes slowly, surfaces that are not smooth, the softness of a lens and the grain of a sensor.
    """
    import numpy

    random = numpy.random.default_rng(12)
    image = Image.new("RGB", (width, height))
    draw = ImageDraw.Draw(image)
    # Radii from 24 to 1,500 whose number falls with their third power.
    for radius in 24 * (1 - random.random(20_000) * (1 - (24 / 1500) ** 2)) ** -0.5:
        x, y = random.uniform(0, (width, height))
        aspect = random.uniform(0.5, 1)
        color = tuple(int(channel) for channel in random.normal(random.uniform(40, 210), 22, 3).clip(0, 255))
        draw.ellipse((x - radius, y - radius * aspect, x + radius, y + radius * aspect), color)
    image = image.filter(ImageFilter.GaussianBlur(1))

    def clouds(cell, depth):
        """Brightness that changes by so much from one cell to the next."""
        noise = random.normal(0, depth, (height // cell + 2, width // cell + 2)).astype(numpy.float32)
        return numpy.asarray(Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC))

    light = sum(clouds(cell, depth) for cell, depth in [(1000, 20), (120, 6), (24, 5), (6, 5), (1, 5)])
    pixels = numpy.asarray(image, numpy.float32) + light[:, :, None]
    return Image.fromarray(pixels.clip(0, 255).astype(numpy.uint8))


def scaled_down(picture):
    """The picture as an avatar without loss: an array of floats."""
    import numpy

    ratio = SIDE / max(picture.size)
    size = tuple(round(side * ratio) for side in picture.size)
    channels = [channel.convert("F").resize(size, Image.Resampling.LANCZOS) for channel in picture.split()]
    return numpy.dstack(channels)


def similarity(ideal, avatar):
    import numpy
    from skimage.metrics import structural_similarity

    pixels = numpy.asarray(avatar.convert("RGB"), numpy.float32)
    return structural_similarity(ideal, pixels, channel_axis=2, data_range=255, gaussian_weights=True)


if __name__ == "__main__":
    main()
