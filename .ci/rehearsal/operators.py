"""Proves that each command of operators works with its policy, and that it needs each grant of it."""

import json
import pathlib
import subprocess
import tempfile
import uuid

from emulator import REGION
from proof import check
from tools import ROOT, run

# The exit code of a command that was denied an action.
DENIED = 7

TABLES = ["Users", "Logins", "Attempts"]


class Operator:
    """A user of the account with a policy of their own, who runs commands."""

    def __init__(self, stack, policy):
        self.stack = stack
        self.name = f"operator-{uuid.uuid4()}"
        client = stack.emulator.client("iam")
        client.create_user(UserName=self.name)
        client.put_user_policy(UserName=self.name, PolicyName="own", PolicyDocument=json.dumps(policy))
        self.key = client.create_access_key(UserName=self.name)["AccessKey"]

    def run(self, *arguments, stdin=""):
        """Runs a command, and returns its exit code and what it printed."""
        environment = {
            **self.stack.emulator.client_environment(),
            "AWS_ACCESS_KEY_ID": self.key["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": self.key["SecretAccessKey"],
            "AWS_REGION": REGION,
            "NO_PROXY": "127.0.0.1",
        }
        program = ROOT / "target" / "debug" / "accounts-admin"
        ran = subprocess.run(
            [program, "--stack", self.stack.name, *arguments],
            env=environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
        )
        return ran.returncode, ran.stdout, ran.stderr


def policy_of(stack, output):
    """Returns the document of a managed policy that the stack has made."""
    client = stack.emulator.client("iam")
    arn = stack.outputs[output]
    version = client.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    return client.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]


def grants(policy):
    """Yields each action of a policy with each of its resources."""
    for statement in policy["Statement"]:
        for action in listed(statement["Action"]):
            for resource in listed(statement["Resource"]):
                yield action, resource


def without(policy, grant):
    """Returns a policy that grants all that `policy` does but for one action on one resource."""
    left = [each for each in grants(policy) if each != grant]
    statements = [{"Effect": "Allow", "Action": action, "Resource": resource} for action, resource in left]
    return {"Version": "2012-10-17", "Statement": statements}


def listed(value):
    return value if isinstance(value, list) else [value]


class Person:
    """Somebody who has signed up, with a picture and a failed log-in."""

    password = "a password of the rehearsal"

    def __init__(self, stack):
        self.username = f"p{uuid.uuid4().hex}"
        self.email = f"{self.username}@example.com"
        sign_up = {"email": self.email, "username": self.username, "password": self.password}
        status, body = stack.call("POST", "/create_user/", sign_up)
        check(status == 201, f"sign-up: {status} {body}")
        token = stack.log_in({"login": self.email, "password": self.password})
        form = f'--x\r\nContent-Disposition: form-data; name="avatar"; filename="a.png"\r\n\r\n'
        form = form.encode() + (ROOT / "local" / "src" / "avatar.png").read_bytes() + b"\r\n--x--\r\n"
        status, self.profile = stack.send("PUT", "/update_profile/", form, "multipart/form-data; boundary=x", token)
        check(status == 200, f"upload: {status} {self.profile}")
        stack.call("POST", "/obtain_token/", {"login": self.email, "password": "wrong"})

    def damage(self, stack, fault):
        """Makes a fault that `check --fix` mends."""
        dynamodb = stack.emulator.client("dynamodb")
        logins, users = stack.ids["Logins"], stack.ids["Users"]
        key = {"login": {"S": f"email:{self.email}"}}
        match fault:
            case "login-missing":
                dynamodb.delete_item(TableName=logins, Key=key)
            case "profile-missing":
                dynamodb.delete_item(TableName=users, Key={"uuid": {"S": self.profile["uuid"]}})


def new_file(name, text=None):
    """Returns the path of a file in a folder of its own, written if there is a text."""
    path = pathlib.Path(tempfile.mkdtemp(dir=ROOT / "target" / "rehearsal")) / name
    if text is not None:
        path.write_text(text)
    return str(path)


def stranger(person):
    """Returns a file for an import, with one account and its picture."""
    account = {"id": person.username, "email": f"stranger.{person.email}", "avatar": "avatar.png"}
    return new_file("users.jsonl", json.dumps(account))


# A command that acts on a person: its arguments, and its stdin.
READS = {
    "show": lambda person: (["show", person.email], ""),
    "list": lambda person: (["list", "--all", "--locked"], ""),
    "export": lambda person: (["export", person.username], ""),
    "export-all": lambda person: (["export-all", "--file", new_file("users.json")], ""),
    "verify-password": lambda person: (["verify-password", person.email, "--password-stdin"], person.password),
    "check": lambda person: (["check", "--hashes"], ""),
    "rotate-key --status": lambda person: (["rotate-key", "--status"], ""),
    "sweep-avatars": lambda person: (["sweep-avatars", "--older-than", "0"], ""),
}
WRITES = {
    "create": lambda person: (["create", f"new.{person.email}", "--generate"], ""),
    "import": lambda person: (["import", stranger(person), "--media", str(ROOT / "local" / "src")], ""),
    "set-password": lambda person: (["set-password", person.email, "--generate"], ""),
    "set-password --keep-tokens": lambda person: (["set-password", person.email, "--generate", "--keep-tokens"], ""),
    "change-email": lambda person: (["change-email", person.email, f"new.{person.email}"], ""),
    "change-username": lambda person: (["change-username", person.email, f"{person.username}-new"], ""),
    "disable": lambda person: (["disable", person.email], ""),
    "enable": lambda person: (["enable", person.email], ""),
    "unlock": lambda person: (["unlock", person.email], ""),
    "log-out": lambda person: (["log-out", person.email], ""),
    "remove-avatar": lambda person: (["remove-avatar", person.email], ""),
    "erase": lambda person: (["erase", person.email, "--yes"], ""),
    "check --fix": lambda person: (["check", "--fix"], ""),
    "sweep-avatars --delete": lambda person: (["sweep-avatars", "--older-than", "0", "--delete"], ""),
    "rotate-key": lambda person: (["rotate-key", "--twice", "--yes"], ""),
}

# A command that a grant is there for, and a fault that it needs to be used. Resources are logical ids.
NEEDED_BY = {
    ("cloudformation:DescribeStacks", "Stack"): ("show", None),
    ("dynamodb:GetItem", "Users"): ("show", None),
    ("dynamodb:GetItem", "Logins"): ("show", None),
    ("dynamodb:GetItem", "Attempts"): ("show", None),
    ("dynamodb:BatchGetItem", "Users"): ("check", None),
    ("dynamodb:BatchGetItem", "Logins"): ("list", None),
    ("dynamodb:BatchGetItem", "Attempts"): ("list", None),
    ("dynamodb:Scan", "Users"): ("list", None),
    ("dynamodb:Scan", "Logins"): ("check", None),
    ("s3:ListBucket", "AvatarsBucket"): ("sweep-avatars", None),
    ("s3:GetObject", "avatars/*"): ("export", None),
    ("secretsmanager:ListSecretVersionIds", "SigningKey"): ("rotate-key --status", None),
    ("dynamodb:PutItem", "Users"): ("create", None),
    ("dynamodb:PutItem", "Logins"): ("change-email", None),
    ("dynamodb:UpdateItem", "Users"): ("log-out", None),
    ("dynamodb:UpdateItem", "Logins"): ("disable", None),
    ("dynamodb:DeleteItem", "Users"): ("erase", None),
    ("dynamodb:DeleteItem", "Logins"): ("change-username", None),
    ("dynamodb:DeleteItem", "Attempts"): ("unlock", None),
    ("dynamodb:ConditionCheckItem", "Users"): ("set-password --keep-tokens", None),
    ("dynamodb:ConditionCheckItem", "Logins"): ("check --fix", "login-missing"),
    ("s3:PutObject", "avatars/*"): ("import", None),
    ("s3:DeleteObject", "avatars/*"): ("remove-avatar", None),
    ("cloudfront:CreateInvalidation", "AvatarsCdn"): ("remove-avatar", None),
    ("secretsmanager:PutSecretValue", "SigningKey"): ("rotate-key", None),
    ("secretsmanager:UpdateSecretVersionStage", "SigningKey"): ("rotate-key", None),
}


def arns(stack):
    """Returns the ARN of each resource in `NEEDED_BY`, as the policies have them."""
    account = f"{REGION}:123456789012"
    bucket = f"arn:aws:s3:::{stack.ids['AvatarsBucket']}"
    return {
        "Stack": f"arn:aws:cloudformation:{account}:stack/{stack.name}/*",
        **{table: f"arn:aws:dynamodb:{account}:table/{stack.ids[table]}" for table in TABLES},
        "AvatarsBucket": bucket,
        "avatars/*": f"{bucket}/avatars/*",
        "SigningKey": stack.outputs["SigningKeyId"],
        "AvatarsCdn": f"arn:aws:cloudfront::123456789012:distribution/{stack.ids['AvatarsCdn']}",
    }


def commands_under_their_policies(stack):
    """Every command works with its policy, a command that writes is denied by the other one, and without any
    one grant a command is denied, and says so."""
    # As the tests build it, which saves a second build of the AWS SDK with other features.
    run("cargo", "test", "--locked", "--quiet", "--workspace", "--no-run")
    operator = policy_of(stack, "OperatorPolicy")
    support = policy_of(stack, "SupportPolicy")
    places = arns(stack)
    granted = {(action, places[place]) for action, place in NEEDED_BY}
    check(set(grants(operator)) == granted, f"other grants: {set(grants(operator)) ^ granted}")
    reader, writer = Operator(stack, support), Operator(stack, operator)
    for name, command in READS.items():
        arguments, stdin = command(Person(stack))
        code, _, stderr = reader.run(*arguments, stdin=stdin)
        check(code == 0, f"{name} with SupportPolicy: {code} {stderr}")
    for name, command in WRITES.items():
        person = Person(stack)
        if name == "check --fix":
            person.damage(stack, "login-missing")
        if name == "enable":
            check(writer.run("disable", person.email)[0] == 0, "disable before enable")
        arguments, stdin = command(person)
        code, _, stderr = reader.run(*arguments, stdin=stdin)
        # It has nothing to delete if every picture has its profile.
        if name != "sweep-avatars --delete":
            check(code == DENIED, f"{name} with SupportPolicy: {code} {stderr}")
        code, _, stderr = writer.run(*arguments, stdin=stdin)
        check(code == 0, f"{name} with OperatorPolicy: {code} {stderr}")
    for (action, place), (name, fault) in NEEDED_BY.items():
        person = Person(stack)
        if fault:
            person.damage(stack, fault)
        arguments, stdin = {**READS, **WRITES}[name](person)
        code, _, stderr = Operator(stack, without(operator, (action, places[place]))).run(*arguments, stdin=stdin)
        check(code == DENIED, f"{name} without {action} on {place}: {code} {stderr}")
        check(f"access denied: {action} on " in stderr, f"{name} without {action} on {place}: {stderr}")
        if fault:
            writer.run("check", "--fix")
    return (
        f"{len(READS)} commands with SupportPolicy and {len(WRITES)} more with OperatorPolicy work, "
        f"and each of {len(NEEDED_BY)} grants is needed"
    )
