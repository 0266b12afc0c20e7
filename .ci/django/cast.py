"""The people of the old database: every hasher, script, state and oddity, and what has to become of each."""

import dataclasses

from accounts.hashers import CHEAP, COSTLY, KINDS


@dataclasses.dataclass
class Person:
    """One account of Django's, and what an import has to make of it."""

    # Names the account in messages, and is the local part of its address.
    key: str
    kind: str = "pbkdf2_sha256"
    # As typed, before and after the switch.
    password: str = ""
    # As Django hashed it, if that differs.
    hashed: str | None = None
    username: str | None = None
    email: str | None = None
    first_name: str = ""
    last_name: str = ""
    patronymic: str = ""
    avatar: str = ""
    is_active: bool = True
    is_staff: bool = False
    is_superuser: bool = False
    groups: tuple = ()
    # How the report has to name it.
    codes: tuple = ()
    outcome: str = "created"
    # The key of the other party of a collision.
    other: str | None = None
    # The logins that have to work; without it, the address and the username.
    logins: tuple | None = None
    # Logins that must not work, although the password is right.
    dead_logins: tuple = ()
    # Whether the username is a made-up one afterwards.
    renamed: bool = False

    def __post_init__(self):
        self.password = self.password or f"the password of {self.key}"
        self.username = self.key.replace(" ", "-") if self.username is None else self.username
        self.email = f"{self.key.replace(' ', '.')}@example.com" if self.email is None else self.email
        if self.logins is None:
            self.logins = (self.email,) if self.renamed else (self.email, self.username)
        if self.hash_name is None or not self.is_active or self.outcome == "rejected":
            self.dead_logins += self.logins
            self.logins = ()

    @property
    def hash_name(self):
        """The kind of hash that the account has after the import; none for an account without a password."""
        return KINDS[self.kind][1]

    def encode(self):
        """Returns the hash that Django stores."""
        hashed = self.password if self.hashed is None else self.hashed
        return KINDS[self.kind][0](hashed, self.key)


def people(is_fixture):
    """Returns everybody, or those who can be in a fixture: it holds no hash that takes long to verify, and no
    name of a file that some systems refuse."""
    everybody = hashed_by(CHEAP) + speakers() + states() + addresses() + usernames() + names() + pictures()
    if is_fixture:
        return everybody
    return everybody + hashed_by(COSTLY) + [Person("line break", avatar="avatars/line\nbreak.png")]


def changes():
    """Returns what changes in the old service between two passes of the import, by the person's key."""
    return {
        "full name": {"last_name": "Пупкин-Иванов"},
        "argon2id": {"password": "a newer password"},
        "staff": {"first_name": "Grace", "password": "a newer password"},
    }


def newcomers():
    """Returns those who sign up in the old service between two passes of the import."""
    return [Person("newcomer", kind="argon2id", first_name="Late")]


WITHOUT_PASSWORD = {
    "unusable": "password_unusable",
    "unusable without a tail": "password_unusable",
    "empty": "password_empty",
    "md5": "password_weak",
    "unsalted md5": "password_weak",
    "sha1": "password_weak",
    "unsalted sha1": "password_weak",
    "crypt": "password_weak",
    "phpass": "password_unknown",
    "plain text": "password_unknown",
    "pbkdf2 too costly": "password_too_costly",
    "bcrypt too costly": "password_too_costly",
    "argon2 too costly": "password_too_costly",
    "scrypt too costly": "password_too_costly",
}


def hashed_by(kinds):
    """Returns one account of each kind of hash."""

    def person(kind):
        codes = (WITHOUT_PASSWORD[kind],) if kind in WITHOUT_PASSWORD else ()
        return Person(kind.replace("$", ""), kind=kind, codes=codes)

    return [person(kind) for kind in kinds]


def speakers():
    """Returns accounts whose passwords differ in script, length and spaces."""
    passwords = {
        "latin": "naïve Straße",
        "cyrillic": "Пароль Ёлки",
        "greek": "κωδικός Όχι",
        "arabic": "كلمة السر",
        "hebrew": "סִיסְמָה",
        "devanagari": "पासवर्ड क्या है",
        "thai": "รหัสผ่าน",
        "chinese": "密码是秘密",
        "japanese": "パスワード",
        "korean": "비밀번호",
        "georgian": "პაროლი",
        "emoji": "👩‍👩‍👧‍👦 are 👍🏽",
        "spaces around": "  two before and one after ",
        "spaces alone": "       ",
        "tab and quotes": "\t\"quoted\" \\ and 'single' $1$%s {}",
        # Six letters with combining marks, which NFC joins.
        "decomposed": "e\u0301a\u0300u\u0308o\u0302n\u0303i\u0308",
        "decomposed hangul": "\u1107\u1175\u1106\u1175\u11af",
        "five": "12345",
        "one character": "x",
        "bytes 200": "я" * 100,
        "characters 128": "z" * 128,
    }
    everybody = []
    kinds = ["pbkdf2_sha256", "argon2id", "bcrypt_sha256", "scrypt", "argon2i", "pbkdf2_sha1", "bcrypt"]
    for number, (key, password) in enumerate(passwords.items()):
        everybody.append(Person(key, kind=kinds[number % len(kinds)], password=password))
    return everybody + [
        # bcrypt itself looks at 72 bytes alone.
        Person("bcrypt beyond 72", kind="bcrypt", password="b" * 72 + " and these count for nothing"),
        Person("bcrypt sha256 beyond 72", kind="bcrypt_sha256", password="b" * 72 + " and these count"),
        # Django REST Framework trims a password unless it is told not to.
        Person("trimmed", kind="argon2id", password=" trimmed at sign-up ", hashed="trimmed at sign-up"),
        # The service hashes no password that is longer than any that it takes at sign-up.
        Person("characters 129", password="z" * 129, logins=(), dead_logins=("characters.129@example.com",)),
    ]


def states():
    return [
        Person("inactive", is_active=False),
        Person("inactive without a password", kind="unusable", is_active=False, codes=("password_unusable",)),
        Person("staff", is_staff=True, groups=("editors",)),
        Person("superuser", is_staff=True, is_superuser=True, groups=("editors", "readers")),
    ]


def addresses():
    return [
        Person("no address", email="", outcome="rejected", codes=("email_missing",), logins=()),
        Person("no host", email="root@localhost", outcome="rejected", codes=("email_invalid",)),
        Person("not an address", email="call me", outcome="rejected", codes=("email_invalid",)),
        Person("same address", email="Same@Example.com", dead_logins=("same-address-again",)),
        Person(
            "same address again",
            email="same@example.com",
            outcome="rejected",
            codes=("email_taken",),
            other="same address",
            logins=(),
        ),
        Person(
            "capitals",
            email="Capital.Letters@Example.COM",
            logins=("Capital.Letters@Example.COM", "capital.letters@example.com", "CAPITALS"),
        ),
        Person(
            "idn",
            email="vasya@пример.рф",
            logins=("vasya@пример.рф", "vasya@ПРИМЕР.рф", "vasya@xn--e1afmkfd.xn--p1ai", "idn"),
        ),
        Person("any script", email="почта@example.com"),
        Person("plus", email="plus+tag@example.com"),
        Person("long address", email=f"{'l' * 64}@{'d' * 63}.{'d' * 63}.example.com"),
    ]


def usernames():
    return [
        Person("Twin", email="twin.1@example.com"),
        Person("twin", email="twin.2@example.com", codes=("username_taken",), other="Twin", renamed=True),
        Person("composed", username="\u0451лка"),
        Person(
            "also decomposed",
            username="\u0435\u0308лка",
            codes=("username_taken",),
            other="composed",
            renamed=True,
        ),
        Person("own address", username="own.address@example.com", logins=("own.address@example.com",)),
        Person("own address otherwise", username="OWN.address.Otherwise@example.com"),
        Person(
            "address of another",
            username="plus+tag@example.com",
            codes=("username_no_login",),
            logins=("address.of.another@example.com",),
            dead_logins=("plus+tag@example.com",),
        ),
        Person(
            "address of nobody",
            username="ada@home",
            codes=("username_no_login",),
            logins=("address.of.nobody@example.com",),
            dead_logins=("ada@home",),
        ),
        Person("cyrillic name", username="Вася_Пупкин"),
        Person(
            "decomposed name",
            username="и\u0306од",
            logins=("decomposed.name@example.com", "йод", "и\u0306од"),
        ),
        Person("japanese name", username="山田太郎"),
        Person("with a space", username="with a space", codes=("username_invalid",), renamed=True),
        Person("with signs", username="a<b>&c", codes=("username_invalid",), renamed=True),
        Person("one", username="x", email="one.letter@example.com"),
        Person("one of any script", username="я"),
        Person("of digits", username="12345"),
        Person("of dots", username="..."),
        Person("of 150", username="u" * 150),
        Person("of 150 of any script", username="ю" * 150),
    ]


def names():
    return [
        Person("full name", first_name="Вася", last_name="Пупкин", patronymic="Иванович"),
        Person("names of 150", first_name="n" * 150, last_name="я" * 150, patronymic="名" * 150),
        Person("name of 151", first_name="Ada", patronymic="n" * 151, codes=("patronymic_invalid",)),
        Person(
            "control characters",
            first_name="Ada\tAugusta",
            last_name="Love\nlace",
            patronymic="By\u0000ron",
            codes=("first_name_invalid", "last_name_invalid", "patronymic_invalid"),
        ),
        Person("spaces in names", first_name="  Ada ", last_name="   "),
        Person("any name", first_name="👩‍🚀 O’Neil-Ñandú", last_name="עדה", patronymic="<b>&amp;\"'"),
    ]


def pictures():
    return [
        Person("jpeg", avatar="avatars/photo.jpg"),
        Person("png", avatar="avatars/drawing.png"),
        Person("webp", avatar="avatars/Фото профиля (1).webp"),
        Person("gif", avatar="avatars/2019/moving.gif"),
        Person("turned", avatar="avatars/turned.jpg"),
        Person("broken", avatar="avatars/broken.jpg", codes=("avatar_unreadable",)),
        Person("cut off", avatar="avatars/cut.png", codes=("avatar_unreadable",)),
        Person("without bytes", avatar="avatars/empty.png", codes=("avatar_unreadable",)),
        Person("too wide", avatar="avatars/wide.png", codes=("avatar_unreadable",)),
        Person("missing", avatar="avatars/missing.png", codes=("avatar_missing",)),
        Person("a folder", avatar="avatars/2019", codes=("avatar_missing",)),
        # There is a picture, but it is not one that somebody has uploaded.
        Person("outside", avatar="../outside.png", codes=("avatar_missing",)),
        Person(
            "nothing right",
            kind="crypt",
            username="no good",
            first_name="\u0007",
            avatar="avatars/broken.jpg",
            codes=("avatar_unreadable", "first_name_invalid", "password_weak", "username_invalid"),
            renamed=True,
        ),
    ]
