#!/usr/bin/env python3
"""Moves the people of an old service to the new one and back, as docs/switching.md says, with this Django.

`switch.py FOLDER` makes everything in that folder, which must not exist. The programs are those of
`target/debug`."""

import concurrent.futures
import csv
import gzip
import hashlib
import http.client
import json
import os
import pathlib
import re
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
import urllib.parse

import jwt

HERE = pathlib.Path(__file__).resolve().parent
PAGE = HERE.parents[1] / "docs" / "switching.md"
PROGRAMS = HERE.parents[1] / "target" / "debug"

# Exit codes of an import.
ALL_CAME, SOME_REJECTED = 0, 8

TODAY = "argon2id m=19456,t=2,p=1"


def check(condition, message):
    if not condition:
        sys.exit(f"switch: {message}")


def same(what, found, wanted):
    check(found == wanted, f"{what}: {found!r} instead of {wanted!r}")


class OldService:
    """A database of Django's, and the pictures beside it."""

    def __init__(self, folder):
        self.folder = folder
        self.media = folder / "media"

    def python(self, script, *arguments):
        """Runs a script of this folder."""
        environment = {**os.environ, "DJANGO_FOLDER": str(self.folder)}
        subprocess.run([sys.executable, "-B", HERE / script, *arguments], env=environment, check=True)

    def manage(self, *arguments):
        self.python("manage.py", *arguments)

    def people(self):
        """Returns what has to be true of everybody."""
        return json.loads((self.folder / "people.json").read_text("utf-8"))

    def rows(self, columns):
        """Returns the rows of the users' table."""
        with sqlite3.connect(self.folder / "db.sqlite3") as database:
            return set(database.execute(f"SELECT {columns} FROM accounts_user"))

    def dump(self, name, *options):
        file = self.folder / name
        self.manage("dumpdata", "accounts", "auth.group", "--output", file, *options)
        return file


class NewService:
    """A `cargo dev`, and the operators' tool for it."""

    def __init__(self, folder):
        self.folder = folder
        command = [PROGRAMS / "local", "--port", "0", "--data-dir", folder]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().split()[-1]
        self.address = urllib.parse.urlsplit(self.url).netloc
        threading.Thread(target=self.process.stdout.read, daemon=True).start()

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def admin(self, *arguments, code=0):
        """Runs a command, which has to exit with `code`, and returns what it printed."""
        command = [PROGRAMS / "accounts-admin", "--local", self.folder, *arguments, "--output", "json"]
        ran = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        message = f"{arguments[0]}: exit code {ran.returncode} instead of {code}\n{ran.stdout}{ran.stderr}"
        check(ran.returncode == code, message)
        return ran.stdout

    def request(self, method, path, fields=None, token=None):
        """Returns the status, the content type and the body of a response."""
        connection = http.client.HTTPConnection(self.address, timeout=60)
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"JWT {token}"
        connection.request(method, path, json.dumps(fields) if fields else None, headers)
        response = connection.getresponse()
        body = response.read()
        connection.close()
        return response.status, response.headers["Content-Type"], body

    def log_in(self, login, password):
        """Returns the token, or `None` if the pair is refused as it has to be."""
        status, _, body = self.request("POST", "/obtain_token/", {"login": login, "password": password})
        if status == 200:
            return json.loads(body)["token"]
        answer = (status, json.loads(body))
        same(f"log-in of {login}", answer, (401, {"error": "Please provide right login and a password"}))
        return None


class Import:
    """One run of `import`, and what it wrote."""

    def __init__(self, service, dump, media, code, *options):
        name = f"{dump.name}{''.join(options)}"
        report, accounts = (service.folder.parent / f"{name}.{kind}" for kind in ("report", "csv"))
        files = ["--media", media, "--report", report, "--map", accounts]
        self.counts = json.loads(service.admin("import", dump, *files, *options, code=code))
        for file in (report, accounts):
            same(f"the mode of {file.name}", stat.S_IMODE(file.stat().st_mode), 0o600)
        self.report = [json.loads(line) for line in report.read_text("utf-8").splitlines()]
        self.map_file = accounts
        with accounts.open(encoding="utf-8", newline="") as lines:
            self.map = list(csv.DictReader(lines))
        counts = self.counts
        parts = sum(counts[outcome] for outcome in ("created", "updated", "skipped", "rejected"))
        same(f"the sum of {name}", parts, counts["read"])

    def check_outcomes(self, **wanted):
        wanted = {"updated": 0, **wanted}
        same("the outcomes", {outcome: self.counts[outcome] for outcome in wanted}, wanted)


def first_pass(service, old):
    """Imports everybody, and holds the report against what was expected of each."""
    dump = old.dump("users.json")
    people = old.people()
    rejected = [person for person in people if person["outcome"] == "rejected"]
    came = [person for person in people if person["outcome"] == "created"]

    rehearsed = Import(service, dump, old.media, SOME_REJECTED, "--dry-run")
    same("accounts after the rehearsal", service.admin("list", "--all"), "")
    run = Import(service, dump, old.media, SOME_REJECTED)

    run.check_outcomes(read=len(people), created=len(came), skipped=0, rejected=len(rejected))
    same("the hashes", run.counts["hashes"], count(person["hash"] for person in came))
    problems = count(code for person in people for code in person["codes"])
    same("the problems", run.counts["problems"], problems)
    same("without a password", run.counts["without_password"], sum(not person["hash"] for person in came))
    same("the pictures", run.counts["pictures"], sum(person["avatar"] for person in came))
    same("the other models", run.counts["models_left_out"], {"accounts.device": len(people), "auth.group": 2})
    # Nobody has logged in, so `last_login` is null everywhere.
    left_out = ("date_joined", "groups", "is_staff", "is_superuser", "user_permissions")
    same("the other fields", run.counts["fields_left_out"], {name: len(people) for name in left_out})
    expected = {(p["id"], p["uuid"], code, p["outcome"]) for p in people for code in p["codes"]}
    found = {(int(line["id"]), line["uuid"], line["code"], line["outcome"]) for line in run.report}
    same("the report alone", found - expected, set())
    same("missing in the report", expected - found, set())
    same("the lines of the report", len(run.report), len(expected))
    for person in people:
        if person["other"]:
            lines = [line for line in run.report if line["uuid"] == person["uuid"]]
            same(f"the other party of {person['key']}", [line["other"] for line in lines], [person["other"]])
    check_secrets(run.report, people)
    same("the map", {(row["id"], row["uuid"]) for row in run.map}, {(str(p["id"]), p["uuid"]) for p in came})
    told = {name: value for name, value in rehearsed.counts.items() if name in run.counts}
    same("the rehearsal", told, {**run.counts, "dry_run": True})
    check({"write_units", "dollars", "minutes"} <= rehearsed.counts.keys(), "no estimate")

    again = Import(service, write_copy(dump, "again.json"), old.media, SOME_REJECTED)
    again.check_outcomes(created=0, skipped=len(came), rejected=len(rejected))


def second_pass(service, old):
    """Brings what has changed in the old service since, in two other forms of a dump."""
    old.python("people.py", "change", old.folder)
    people = old.people()
    rejected = sum(person["outcome"] == "rejected" for person in people)
    came = len(people) - rejected
    lines = old.dump("users.jsonl", "--format", "jsonl")
    zipped = old.folder / "users.jsonl.gz"
    zipped.write_bytes(gzip.compress(lines.read_bytes()))

    run = Import(service, zipped, old.media, SOME_REJECTED, "--update")
    run.check_outcomes(created=1, updated=3, skipped=came - 4, rejected=rejected)
    last = run

    run = Import(service, old.dump("natural.json", "--natural-primary"), old.media, SOME_REJECTED)
    run.check_outcomes(created=0, skipped=came, rejected=rejected)
    return last


def log_in_everybody(service, people):
    """Each person logs in by each login with the old password, and with nothing else."""
    # As another service verifies tokens.
    keys = {"local": (service.folder / "jwt_secret").read_text("utf-8")}
    verifier = {"jwt": jwt}
    exec(code_of_page("claims_of"), verifier)

    def one(number):
        person = people[number]
        # The first log-in replaces the hash, so it is sometimes by address and sometimes by username.
        logins = person["logins"][::-1] if number % 2 else person["logins"]
        if logins:
            refused(person, logins[0], person["wrong_password"])
        for login in logins:
            token = service.log_in(login, person["password"])
            check(token, f"{person['key']} cannot log in as {login}")
            claims = verifier["claims_of"](token, keys)
            same("the claims", (claims["user_id"], claims["email"]), (person["uuid"], person["email"]))
            check_profile(person, token)
        if logins:
            refused(person, logins[-1], person["wrong_password"])
        for login in person["dead_logins"]:
            if login:
                refused(person, login, person["password"])
        return len(logins)

    def refused(person, login, password):
        check(not service.log_in(login, password), f"{person['key']} logs in as {login} with {password!r}")

    def check_profile(person, token):
        status, _, body = service.request("GET", "/get_profile/", token=token)
        same(f"{person['key']}: status", status, 200)
        profile = json.loads(body)
        avatar, username = profile.pop("avatar"), profile["username"]
        names = ("uuid", "username", "email", "first_name", "last_name", "patronymic")
        wanted = {name: person[name] for name in names}
        same(f"{person['key']}: profile", profile, {**wanted, "username": person["username"] or username})
        same(f"{person['key']}: having an avatar", avatar is not None, person["avatar"])
        if avatar:
            status, kind, _ = service.request("GET", urllib.parse.urlsplit(avatar).path)
            same(f"{person['key']}: avatar", (status, kind), (200, "image/webp"))

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return sum(pool.map(one, range(len(people))))


def check_hashes(service, people):
    """Checks that a log-in has replaced its hash by one of today, and that no other hash has changed."""
    found = {}
    for line in service.admin("list", "--all").splitlines():
        account = json.loads(line)
        kind = account["password"]
        found[account["uuid"]] = kind if kind == TODAY else kind and kind.split()[0]
    wanted = {
        person["uuid"]: TODAY if person["logins"] else person["hash"]
        for person in people
        if person["outcome"] != "rejected"
    }
    same("the hashes that are not as expected", dict(found.items() - wanted.items()), {})
    same("the accounts", found.keys(), wanted.keys())


def sign_up(service, old):
    """Somebody signs up in the new service, who has to be in the old one in the end as well."""
    people = old.people()
    fields = {"email": "signed.up@example.com", "username": "signed-up", "password": "a new password"}
    status, _, body = service.request("POST", "/create_user/", fields)
    same("the sign-up", (status, json.loads(body)), (201, {"message": "User succesfully created"}))
    claims = jwt.decode(service.log_in("signed-up", "a new password"), options={"verify_signature": False})
    person = {
        **people[0],
        **fields,
        "key": "signed up here",
        "id": max(person["id"] for person in people) + 1,
        "uuid": claims["user_id"],
        "normal_password": fields["password"],
        "wrong_password": "another password",
    }
    (old.folder / "people.json").write_text(json.dumps([*people, person]), encoding="utf-8")


def back(service, old, new, accounts):
    """Exports everything into an empty database of Django's, in which everybody logs in."""
    new.folder.mkdir()
    fixture = new.folder / "export.json"
    options = ["--with-hashes", "--media", new.media, "--map", accounts]
    told = json.loads(service.admin("export-all", "--file", fixture, *options))
    same("the mode of the export", stat.S_IMODE(fixture.stat().st_mode), 0o600)
    came = [person for person in old.people() if person["outcome"] != "rejected"]
    pictures = sum(person["avatar"] for person in came)
    digest = hashlib.sha256(fixture.read_bytes()).hexdigest()
    wanted = {
        "accounts": len(came),
        "without_password": sum(not person["hash"] for person in came),
        "pictures": pictures,
        "pictures_missing": 0,
        "sha256": digest,
    }
    same("the export", told, wanted)

    # Devices point to users by their primary keys, and still do.
    devices = [
        item
        for item in json.loads((old.folder / "users.json").read_text("utf-8"))
        if item["model"] == "accounts.device" and item["fields"]["user"] in {person["id"] for person in came}
    ]
    (new.folder / "devices.json").write_text(json.dumps(devices), encoding="utf-8")
    new.manage("migrate", "--run-syncdb", "--verbosity", "0")
    new.manage("loaddata", fixture, new.folder / "devices.json", "--verbosity", "0")

    # Into the database where they came from, as the page does it.
    returned = OldService(new.folder.parent / "returned")
    shutil.copytree(old.folder, returned.folder)
    code = code_of_page("update_or_create").replace("export.json", str(fixture))
    returned.manage("shell", "--command", code)
    unmoved = "id, is_staff, is_superuser, date_joined, last_login"
    same("the columns that never came over", old.rows(unmoved) - returned.rows(unmoved), set())
    moved = "id, uuid, username, email, password, first_name, last_name, patronymic, avatar, is_active"
    same("the rows that are otherwise", new.rows(moved) - returned.rows(moved), set())

    new.python("people.py", "check", new.folder, old.folder / "people.json")
    # Its own export brings nothing.
    Import(service, fixture, new.media, ALL_CAME).check_outcomes(created=0, skipped=len(came), rejected=0)


def code_of_page(name):
    """Returns the block of Python in docs/switching.md that has `name` in it."""
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    return next(block for block in blocks if name in block)


def count(names):
    counts = {}
    for name in names:
        if name:
            counts[name] = counts.get(name, 0) + 1
    return counts


def write_copy(file, name):
    return shutil.copy(file, file.with_name(name))


def check_secrets(report, people):
    """No address, name, password or hash is in the report."""
    text = json.dumps(report, ensure_ascii=False)
    for person in people:
        for field in ("email", "password", "first_name", "last_name"):
            secret = person[field]
            check(not secret or len(secret) < 6 or secret not in text, f"the report has {person['key']}'s {field}")


def main():
    folder = pathlib.Path(sys.argv[1]).resolve()
    folder.mkdir(parents=True)
    old, new = OldService(folder / "before"), OldService(folder / "after")
    old.python("people.py", "make", old.folder)
    service = NewService(folder / "service")
    try:
        first_pass(service, old)
        last = second_pass(service, old)
        people = old.people()
        logins = log_in_everybody(service, people)
        check_hashes(service, people)
        sign_up(service, old)
        back(service, old, new, last.map_file)
    finally:
        service.stop()
    print(f"{len(people)} people: {logins} log-ins with the old passwords, there and back")


main()
