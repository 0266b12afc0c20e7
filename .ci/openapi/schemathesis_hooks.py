"""Tells Schemathesis about the requests of openapi.yaml what a schema cannot."""

import itertools
import struct
import zlib

import schemathesis
from hypothesis import strategies
from schemathesis import GenerationMode

numbers = itertools.count()


def png(width, height, color):
    """An opaque picture of one color."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = (b"\0" + bytes(color) * width) * height
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


# Any bytes would be a binary, but only those of a picture are an avatar.
side = strategies.integers(1, 64)
byte = strategies.integers(0, 255)
schemathesis.openapi.format("binary", strategies.builds(png, side, side, strategies.tuples(byte, byte, byte)))


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.meta is None or not isinstance(case.body, dict):
        return
    # Schemathesis looks again at a body that is replaced, and may then find it valid.
    if case.meta.generation.mode == GenerationMode.NEGATIVE:
        case.body = dict(less_forgivable(case.body, case.media_type))
    if case.meta.generation.mode == GenerationMode.NEGATIVE:
        return
    if case.operation.path in ("/create_user/", "/obtain_token/"):
        # They take any other fields, but in a form a name is part of a header, which holds no
        # control characters.
        case.body = {name: value for name, value in case.body.items() if name.isprintable()}
    if case.operation.path == "/create_user/":
        case.body = nobodys(case.body)


def less_forgivable(body, media_type):
    """The fields of an invalid body without what only the schema holds against them."""
    is_json = media_type == "application/json"
    for name, value in body.items():
        if isinstance(value, str) and name != "password":
            # White space at the ends of a text is dropped.
            yield name, value.strip()
        elif is_json and isinstance(value, (int, float)) and not isinstance(value, bool):
            # A number is taken for the text that was written. A list is not.
            yield name, [value]
        elif is_json or name != "avatar":
            # Schemathesis validates a file as if it were a text, and so finds any form with one
            # invalid.
            yield name, value


def nobodys(sign_up):
    """Returns `sign_up` with an address and a username, of the same lengths, that no account has."""
    number = f"{next(numbers):03}"
    # A pattern says of a domain no more than that it has a dot.
    domain_length = max(len(sign_up["email"]) - len(f"{number}@"), len("x.co"))
    top = "com" if domain_length % 2 else "co"
    unique = {"email": f"{number}@{'x.' * ((domain_length - 2) // 2)}{top}"}
    if sign_up.get("username"):
        unique["username"] = sign_up["username"][: -len(number)] + number
    return {**sign_up, **unique}
