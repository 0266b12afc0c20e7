"""Proves that each command of operators works with its policy, and that it needs each grant of it."""

import json
import subprocess
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

    def __init__(self, stack):
        name = f"p{uuid.uuid4().hex}"
        self.email = f"{name}@example.com"
        self.username = name
        password = {"password": "a password of the rehearsal"}
        status, body = stack.call("POST", "/create_user/", {"email": self.email, "username": name, **password})
        check(status == 201, f"sign-up: {status} {body}")
        token = stack.log_in({"login": self.email, **password})
        # What identifies the account to `damaged`.
        self.profile = stack.call("GET", "/get_profile/", token=token)[1]
        stack.call("POST", "/obtain_token/", {"login": self.email, "password": "wrong"})


def reads(person):
    """The commands that only read, with what they read from stdin."""
    return [
        (["show", person.email], ""),
        (["list", "--all", "--locked"], ""),
        (["export", person.username], ""),
        (["verify-password", person.email, "--password-stdin"], "a password of the rehearsal"),
        (["check", "--hashes"], ""),
        (["rotate-key", "--status"], ""),
        (["sweep-avatars"], ""),
    ]


def writes(person):
    """The commands that write, in an order in which each can."""
    new = f"n{uuid.uuid4().hex}"
    return [
        (["create", f"{new}@example.org", "--generate"], ""),
        (["set-password", person.email, "--generate"], ""),
        (["set-password", person.email, "--generate", "--keep-tokens"], ""),
        (["change-email", person.username, f"{new}@example.com"], ""),
        (["change-username", person.profile["uuid"], new], ""),
        (["disable", new], ""),
        (["enable", new], ""),
        (["unlock", new], ""),
        (["log-out", new], ""),
        (["remove-avatar", new], ""),
        (["erase", new, "--yes"], ""),
    ]
