#!/usr/bin/env python3
"""Fills an empty database of Django with the people of `cast.py`, or checks that they are in another one.

`people.py make FOLDER` writes `FOLDER/people.json` as well: what has to be true of each after the switch.
`people.py change FOLDER` does what a day does to a database, and writes `FOLDER/people.json` anew.
`people.py make --fixture FOLDER` writes the dump, the pictures and `people.json` as the Rust tests take them.
`people.py check FOLDER PEOPLE` checks a database that `loaddata` has filled."""

import argparse
import datetime
import io
import json
import os
import pathlib
import shutil
import sys
import tempfile
import unicodedata
import uuid

import django
from django.core.management import call_command
from PIL import Image, ImageDraw

UUIDS = uuid.UUID("5f2b6c1e-8c0d-4a53-9d0c-3d1f6f0f3b11")
# Neither 1 nor the number of a line.
FIRST_PK = 1001
JOINED = datetime.datetime(2019, 5, 17, 9, 30, tzinfo=datetime.timezone.utc)


def start(folder):
    """Makes the tables of an empty database in `folder`."""
    os.environ["DJANGO_FOLDER"] = str(folder)
    os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
    django.setup()
    if not (folder / "db.sqlite3").exists():
        folder.mkdir(parents=True, exist_ok=True)
        call_command("migrate", run_syncdb=True, verbosity=0)


def picture(format, size=(64, 48), turned=False, frames=1):
    """Returns a picture with two colors, so that its top can be told from its bottom."""
    image = Image.new("RGB", size, (200, 30, 30))
    ImageDraw.Draw(image).rectangle([0, 0, size[0], size[1] // 2], fill=(30, 30, 200))
    options = {}
    if turned:
        exif = image.getexif()
        exif[0x0112] = 6
        options["exif"] = exif.tobytes()
    if frames > 1:
        options |= {"save_all": True, "append_images": [image.rotate(180)] * (frames - 1)}
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def write_pictures(media, is_fixture):
    """Writes what the old service's users have uploaded, and a picture outside of that."""
    files = {
        "avatars/photo.jpg": picture("JPEG"),
        "avatars/drawing.png": picture("PNG"),
        "avatars/Фото профиля (1).webp": picture("WEBP"),
        "avatars/2019/moving.gif": picture("GIF", frames=2),
        "avatars/turned.jpg": picture("JPEG", turned=True),
        "avatars/broken.jpg": b"\xff\xd8\xff\xe0 and then nothing of a picture",
        "avatars/cut.png": picture("PNG")[:60],
        "avatars/empty.png": b"",
        "avatars/wide.png": picture("PNG", size=(8193, 1)),
        "../outside.png": picture("PNG"),
    }
    if not is_fixture:
        files["avatars/line\nbreak.png"] = picture("PNG")
    for name, content in files.items():
        file = media / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


def make(folder, is_fixture):
    """Fills the database in `folder`, and writes `people.json`."""
    from cast import people
    from django.contrib.auth.models import Group

    everybody = people(is_fixture)
    for name in ("editors", "readers"):
        Group.objects.create(name=name)
    for pk, person in enumerate(everybody, FIRST_PK):
        create(pk, person)
    write_pictures(folder / "media", is_fixture)
    write_expectations(folder, everybody)
    print(f"made {len(everybody)} people with Django {django.get_version()}")


def create(pk, person):
    """Stores a person, with groups and a device."""
    from django.contrib.auth.models import Group
    from accounts.models import Device, User

    user = User.objects.create(
        pk=pk,
        uuid=uuid_of(person.key),
        username=person.username,
        email=person.email,
        password=person.encode(),
        first_name=person.first_name,
        last_name=person.last_name,
        patronymic=person.patronymic,
        avatar=person.avatar,
        is_active=person.is_active,
        is_staff=person.is_staff,
        is_superuser=person.is_superuser,
        date_joined=JOINED,
    )
    user.groups.set(Group.objects.filter(name__in=person.groups))
    Device.objects.create(pk=pk, user=user, name=f"phone of {pk}")


def change(folder):
    """Does what a day does to the database in `folder`."""
    from cast import changes, newcomers, people
    from accounts.models import User

    everybody = people(is_fixture=False)
    for person in everybody:
        for field, value in changes().get(person.key, {}).items():
            setattr(person, field, value)
            user = User.objects.get(uuid=uuid_of(person.key))
            setattr(user, field, person.encode() if field == "password" else value)
            user.save()
    for person in newcomers():
        everybody.append(person)
        create(FIRST_PK + len(everybody), person)
    write_expectations(folder, everybody)


def uuid_of(key):
    return uuid.uuid5(UUIDS, key)


def write_expectations(folder, everybody):
    """Writes what has to be true of everybody after the switch."""
    from accounts.models import User

    pks = dict(User.objects.values_list("uuid", "pk"))
    expected = [expectation(pks[uuid_of(person.key)], person) for person in everybody]
    # One line for each, for `diff`.
    lines = ",\n".join(json.dumps(person, ensure_ascii=False) for person in expected)
    (folder / "people.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def expectation(pk, person):
    """Returns what has to be true of a person after the switch."""

    def name(field):
        return None if f"{field}_invalid" in person.codes else getattr(person, field).strip() or None

    has_avatar = person.avatar and not any(code.startswith("avatar_") for code in person.codes)
    return {
        "key": person.key,
        "id": pk,
        "uuid": str(uuid_of(person.key)),
        "outcome": person.outcome,
        "codes": sorted(person.codes),
        "other": str(uuid_of(person.other)) if person.other else None,
        "hash": person.hash_name,
        "logins": person.logins,
        "dead_logins": person.dead_logins,
        "password": person.password,
        # The service hashes passwords in NFC, and so does everybody after the first log-in.
        "normal_password": unicodedata.normalize("NFC", person.password),
        "wrong_password": f"not {person.password[:100]}",
        # `null` if it is made up.
        "username": None if person.renamed else unicodedata.normalize("NFC", person.username),
        "email": person.email,
        "first_name": name("first_name"),
        "last_name": name("last_name"),
        "patronymic": name("patronymic"),
        "avatar": bool(has_avatar),
        "is_active": person.is_active,
    }


def make_fixture(folder):
    """Writes `users.json`, `people.json` and `media`, whose hashes are cheap to verify."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as name:
        scratch = pathlib.Path(name)
        start(scratch)
        make(scratch, is_fixture=True)
        call_command("dumpdata", "accounts", "auth.group", output=str(folder / "users.json"))
        shutil.copy(scratch / "people.json", folder)
        shutil.copy(scratch / "outside.png", folder)
        shutil.copytree(scratch / "media", folder / "media")


def check(folder, expected):
    """Checks what `loaddata` has brought into the database in `folder`."""
    from django.contrib.auth import authenticate
    from accounts.models import User

    expected = json.loads(expected.read_text("utf-8"))
    uuids = [person["uuid"] for person in expected]
    expected = [person for person in expected if person["outcome"] != "rejected"]
    problems = []

    def same(person, what, found, wanted):
        if found != wanted:
            problems.append(f"{person['key']}: {what} is {found!r} and not {wanted!r}")

    same({"key": "strangers"}, "their number", User.objects.exclude(uuid__in=uuids).count(), 0)
    for person in expected:
        user = User.objects.filter(uuid=person["uuid"]).first()
        if not user:
            problems.append(f"{person['key']}: is not there")
            continue
        same(person, "the primary key", user.pk, person["id"])
        same(person, "the address", user.email, person["email"])
        same(person, "is_active", user.is_active, person["is_active"])
        if person["username"]:
            same(person, "the username", user.username, person["username"])
        for field in ("first_name", "last_name", "patronymic"):
            same(person, field, getattr(user, field), person[field] or "")
        same(person, "having a picture", bool(user.avatar), person["avatar"])
        if user.avatar:
            with Image.open(user.avatar.path) as image:
                same(person, "the picture's format", image.format, "WEBP")
        # Django takes passwords of any length.
        logs_in = bool(person["hash"]) and person["is_active"]
        for password, right in ((person["normal_password"], logs_in), (person["wrong_password"], False)):
            found = authenticate(username=user.username, password=password)
            same(person, "authenticate()", found, user if right else None)
        # An account that nobody has logged in to has the hash that it came with.
        if person["hash"] and not person["is_active"]:
            same(person, "check_password()", user.check_password(person["password"]), True)
        same(person, "having a password", user.has_usable_password(), bool(person["hash"]))
    if problems:
        sys.exit("\n".join(problems))
    print(f"{len(expected)} people log in with Django {django.get_version()} again")


def main():
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("make")
    command.add_argument("--fixture", action="store_true")
    command.add_argument("folder", type=pathlib.Path)
    command = commands.add_parser("change")
    command.add_argument("folder", type=pathlib.Path)
    command = commands.add_parser("check")
    command.add_argument("folder", type=pathlib.Path)
    command.add_argument("people", type=pathlib.Path)
    options = parser.parse_args()
    if options.command == "make" and options.fixture:
        make_fixture(options.folder)
        return
    start(options.folder)
    if options.command == "make":
        make(options.folder, is_fixture=False)
    elif options.command == "change":
        change(options.folder)
    else:
        check(options.folder, options.people)


main()
