"""Every hash that a database of Django can hold, by Django's own hashers where it has one.

A salt is made of a seed, so that the same people have the same hashes each time.
"""

import base64
import hashlib

from argon2.low_level import Type
from django.contrib.auth import hashers


class Argon2(hashers.Argon2PasswordHasher):
    """Has the service's parameters, so that Django does not hash anew when somebody logs in."""

    time_cost, memory_cost, parallelism = 2, 19_456, 1


class CheapArgon2(hashers.Argon2PasswordHasher):
    time_cost, memory_cost, parallelism = 2, 1_024, 1


class CheapArgon2i(CheapArgon2):
    def params(self):
        params = super().params()
        params.type = Type.I
        return params


def salt(seed, length=22):
    """Returns letters and digits, as many as Django takes."""
    digest = hashlib.sha512(seed.encode()).digest()
    return base64.b64encode(digest, b"AZ").decode()[:length]


def pbkdf2(iterations=None, hasher=hashers.PBKDF2PasswordHasher, length=22):
    return lambda password, seed: hasher().encode(password, salt(seed, length), iterations)


def pbkdf2_of_strange_salt(password, seed):
    """The salt is text, although it looks like Base64."""
    return hashers.PBKDF2PasswordHasher().encode(password, f"{salt(seed, 9)} +/=соль==", 12_000)


def argon2(hasher=hashers.Argon2PasswordHasher):
    return lambda password, seed: hasher().encode(password, salt(seed))


def bcrypt(cost, hasher=hashers.BCryptPasswordHasher):
    # The 22nd character has four bits that bcrypt does not use and must be zero.
    return lambda password, seed: hasher().encode(password, f"$2b${cost:02}${salt(seed, 21)}.".encode())


def old_bcrypt(password, seed):
    """As the libraries before 2014 marked it."""
    return bcrypt(4)(password, seed).replace("$2b$", "$2a$")


def scrypt(*cost):
    return lambda password, seed: hashers.ScryptPasswordHasher().encode(password, salt(seed), *cost)


def md5(password, seed):
    return hashers.MD5PasswordHasher().encode(password, salt(seed))


def sha1(password, seed):
    """Django 5.1 has dropped it."""
    text = salt(seed) + password
    return f"sha1${salt(seed)}${hashlib.sha1(text.encode()).hexdigest()}"


def literally(text):
    """A text that no password has made."""
    return lambda password, seed: text


# 31 characters behind a salt of 22, as bcrypt has them.
BCRYPT_OUTPUT = "JIOMc6nQ2HRAmx1W0EiXMOTwEqFQlyC"
SHA256_OUTPUT = base64.b64encode(bytes(32)).decode()

# By kind: how the hash is made, and the name under which the report counts it.
CHEAP = {
    "pbkdf2_sha256": (pbkdf2(12_000), "pbkdf2_sha256"),
    "pbkdf2_sha256 15000": (pbkdf2(15_000, length=12), "pbkdf2_sha256"),
    "pbkdf2_sha256 36000": (pbkdf2(36_000, length=12), "pbkdf2_sha256"),
    "pbkdf2_sha256 strange salt": (pbkdf2_of_strange_salt, "pbkdf2_sha256"),
    "pbkdf2_sha1": (pbkdf2(12_000, hashers.PBKDF2SHA1PasswordHasher), "pbkdf2_sha1"),
    "argon2id": (argon2(CheapArgon2), "argon2id"),
    "argon2id today": (argon2(Argon2), "argon2id"),
    "argon2i": (argon2(CheapArgon2i), "argon2i"),
    "bcrypt_sha256": (bcrypt(4, hashers.BCryptSHA256PasswordHasher), "bcrypt_sha256"),
    "bcrypt": (bcrypt(5), "bcrypt"),
    "bcrypt $2a$": (old_bcrypt, "bcrypt"),
    "scrypt": (scrypt(1_024, 8, 1), "scrypt"),
    "unusable": (literally("!kXQ3H5zCTO8sBqcYwTS5C2sbBGEMjKkPV5nZHzbM"), None),
    "unusable without a tail": (literally("!"), None),
    "empty": (literally(""), None),
    "md5": (md5, None),
    "unsalted md5": (lambda password, seed: hashlib.md5(password.encode()).hexdigest(), None),
    "sha1": (sha1, None),
    "unsalted sha1": (lambda password, seed: f"sha1$${hashlib.sha1(password.encode()).hexdigest()}", None),
    "crypt": (literally("crypt$$rl.3StKT.4T8M"), None),
    "phpass": (literally("phpass$$P$BgR3gFYRsUqFqsLAaPwr2gRq2b8cIE1"), None),
    "plain text": (literally("I forgot to hash it"), None),
    "pbkdf2 too costly": (literally(f"pbkdf2_sha256$10000001$salt${SHA256_OUTPUT}"), None),
    "bcrypt too costly": (literally(f"bcrypt$$2b$16${'s' * 21}.{BCRYPT_OUTPUT}"), None),
    "argon2 too costly": (
        literally("argon2$argon2id$v=19$m=1048577,t=1,p=1$c2FsdHNhbHRzYWx0$" + "A" * 43),
        None,
    ),
    "scrypt too costly": (literally(f"scrypt$1048576$salt$16$2${SHA256_OUTPUT}"), None),
}

# With the parameters of this Django, and of others before it.
COSTLY = {
    "pbkdf2_sha256 default": (pbkdf2(), "pbkdf2_sha256"),
    "pbkdf2_sha256 260000": (pbkdf2(260_000), "pbkdf2_sha256"),
    "pbkdf2_sha256 600000": (pbkdf2(600_000), "pbkdf2_sha256"),
    "pbkdf2_sha256 1500000": (pbkdf2(1_500_000), "pbkdf2_sha256"),
    "pbkdf2_sha1 default": (pbkdf2(hasher=hashers.PBKDF2SHA1PasswordHasher), "pbkdf2_sha1"),
    "argon2id default": (argon2(), "argon2id"),
    "bcrypt_sha256 default": (bcrypt(12, hashers.BCryptSHA256PasswordHasher), "bcrypt_sha256"),
    "bcrypt default": (bcrypt(12), "bcrypt"),
    "scrypt default": (scrypt(), "scrypt"),
}

KINDS = CHEAP | COSTLY
