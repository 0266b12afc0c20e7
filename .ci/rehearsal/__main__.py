"""Rehearses a deployment without AWS: the real template and release binaries on an emulator.

Builds with `sam build`, deploys with `sam deploy`, for development and for production, to ministack,
which enforces IAM and runs the functions as processes, and proves what only a deployed stack can
show. Needs Linux, cargo, openssl and Python 3.11; installs the rest below target/rehearsal. Prints a
line for each proof.
"""

import asyncio
import base64
import contextlib
import functools
import json
import logging
import operator
import os
import pathlib
import secrets
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
import types
import urllib.error
import urllib.request
import uuid

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / ".aws-sam" / "build"
TOOLS = ROOT / "target" / "rehearsal"

# Two environments: the emulator and SAM want different versions of boto3.
EMULATOR = TOOLS / "emulator", ["ministack[full]==1.5.33"]
SAM = TOOLS / "sam", ["aws-sam-cli==1.170.0", "cargo-lambda==1.9.2"]

REGION = "us-east-1"
ADMIN = {"AWS_ACCESS_KEY_ID": "AKIAREHEARSAL0000000", "AWS_SECRET_ACCESS_KEY": "rehearsal" * 4}

# Tests that the emulator cannot pass, and why.
SKIPPED = {
    # It ignores GatewayResponses, and so answers an unknown path with a 403 of its own.
    "gateway::an_unknown_path_is_not_found",
    "avatars::nothing_but_avatars_is_served",
    # It drops the method ANY, so that HEAD, and methods that are not allowed, are unknown to it.
    "get_profile::answers_head_without_a_body",
    "requests::another_method_is_refused_with_those_that_are_not",
    # It hands on a body of any size; Lambda takes 6 MiB and API Gateway 10 MB.
    "gateway::a_body_that_no_event_can_hold_is_too_large",
    # It hands on any Host and X-Forwarded-Proto; API Gateway finds the API by one and sets the other.
    "gateway::odd_headers_and_queries_reach_the_endpoint_unharmed",
}

# Parts of the template that the emulator cannot make, left out of the stack for production, and why.
LEFT_OUT = [
    # It has no CodeDeploy, which shifts the requests to a new version.
    ("Globals", "Function", "DeploymentPreference"),
    # It makes the firewall, and cannot attach it to a stage.
    ("Resources", "WebAclAssociation"),
    # It makes alarms on one metric, and none on an expression over several.
    ("Resources", "FunctionThrottles"),
    ("Resources", "LogInFailures"),
    ("Resources", "DatabaseErrors"),
]

# What each function may do, and nothing else. `avatars/*` is the bucket below that prefix.
GRANTED = {
    "CreateUser": {("dynamodb:PutItem", "Users"), ("dynamodb:PutItem", "Logins")},
    "ObtainToken": {
        ("dynamodb:GetItem", "Logins"),
        ("dynamodb:UpdateItem", "Logins"),
        ("dynamodb:UpdateItem", "Attempts"),
        ("dynamodb:DeleteItem", "Attempts"),
        ("secretsmanager:GetSecretValue", "SigningKey"),
    },
    "UpdateProfile": {
        ("dynamodb:GetItem", "Users"),
        ("dynamodb:UpdateItem", "Users"),
        ("s3:PutObject", "avatars/*"),
        ("s3:DeleteObject", "avatars/*"),
        ("secretsmanager:GetSecretValue", "SigningKey"),
    },
    "GetProfile": {
        ("dynamodb:GetItem", "Users"),
        ("secretsmanager:GetSecretValue", "SigningKey"),
    },
}

# Variables of the template that have a default in the function.
OPTIONAL = {"ALLOWED_ORIGINS", "PASSWORD_POLICY", "TOKEN_TTL_SECONDS"}

# What the log must not hold: parts of the addresses, passwords and tokens of the tests.
SECRETS = ["@test.com", "analytical engine", "rehearsal password", "$argon2", "JWT ", "eyJ"]


def main():
    install(*SAM)
    install(*EMULATOR)
    python = EMULATOR[0] / "bin" / "python"
    if pathlib.Path(sys.prefix) != EMULATOR[0]:
        os.execv(python, [python, __file__, *sys.argv[1:]])

    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by a signal"))
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ["AWS_DEFAULT_REGION"] = REGION
    direct = [os.environ.get("NO_PROXY"), "127.0.0.1"]
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = ",".join(filter(None, direct))
    step("build", build)
    with tempfile.TemporaryDirectory(prefix="rehearsal-") as folder, Emulator(folder) as emulator:
        stack = step("deploy", Stack, emulator)
        production = step("deploy for production", Production, emulator)
        proofs = [
            ("policies in the template", policies_in_the_template),
            ("black-box suite", lambda: black_box_suite(emulator, stack)),
            ("policies enforced", lambda: policies_enforced(emulator, stack)),
            ("key rotation", lambda: key_rotation(stack)),
            ("refusals to start", lambda: refusals_to_start(emulator, stack)),
            ("logs without secrets", lambda: logs_without_secrets(stack)),
            ("production expanded", lambda: production_expanded(production)),
            ("strict passwords in production", lambda: strict_passwords(production)),
            ("resources of production", lambda: resources_of_production(production)),
            ("production deployed again", lambda: deployed_again(production)),
            ("production deleted", lambda: accounts_outlive_production(production)),
        ]
        failed = [name for name, proof in proofs if not proved(name, proof)]
    sys.exit(f"failed: {', '.join(failed)}" if failed else 0)


def step(name, run, *arguments):
    """Runs what everything after it needs, and says how long that took."""
    started = time.monotonic()
    result = run(*arguments)
    print(f"done    {name}: {time.monotonic() - started:.0f} s", flush=True)
    return result


def proved(name, proof):
    """Runs a proof and prints its line; whether it held."""
    started = time.monotonic()
    try:
        result, summary = "proved", proof()
    except Exception as error:
        result, summary = "FAILED", f"{type(error).__name__}: {error}"
    print(f"{result}  {name}: {summary} ({time.monotonic() - started:.0f} s)", flush=True)
    return result == "proved"


def check(condition, message):
    """Fails the proof unless `condition` holds; an `assert` would be gone under `python -O`."""
    if not condition:
        raise AssertionError(message)


def poll(seconds, what, ask):
    """Asks again and again until there is a true answer, and returns that."""
    deadline = time.monotonic() + seconds
    while not (answer := ask()):
        check(time.monotonic() < deadline, f"{what}: not within {seconds} s")
        time.sleep(0.2)
    return answer


# Tools and build


def install(folder, requirements):
    """Makes the virtual environment `folder`, unless it already has just that."""
    stamp = folder / "requirements.txt"
    wanted = "\n".join(requirements) + "\n"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
    pip = [folder / "bin" / "pip", "--disable-pip-version-check", "--quiet", "install"]
    subprocess.run([*pip, *requirements], check=True)
    stamp.write_text(wanted)


def build():
    """Lints the template and builds the functions as the README says. Cargo's target folder is the cache."""
    sam("validate")
    sam("build")


def sam(*arguments, **variables):
    """Runs SAM in the repository, with cargo-lambda at hand."""
    path = f"{SAM[0] / 'bin'}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "SAM_CLI_TELEMETRY": "0", **variables}
    subprocess.run(["sam", *arguments], cwd=ROOT, env=environment, check=True)


# The emulator and the stack in it


class Emulator:
    """A ministack that lives in `folder` and listens on a free port of 127.0.0.1.

    It speaks TLS, because the bucket refuses everything else. Whoever does not can use `http_port`.
    """

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.port = free_port()
        self.certificate = self.folder / "ministack-tls" / "server.crt"
        self.environment = {
            # Nothing else is handed on: the functions inherit it.
            "PATH": os.environ["PATH"],
            "HOME": folder,
            "TMPDIR": folder,
            "STATE_DIR": f"{folder}/state",
            "AUTH": "true",
            "USE_SSL": "1",
            "IOT_MTLS_ENABLED": "0",
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "MINISTACK_ACCOUNT_ID": "123456789012",
            **self.client_environment(),
        }

    def client_environment(self):
        """What an AWS client needs to reach it as the administrator."""
        return {
            **ADMIN,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": f"https://127.0.0.1:{self.port}",
            "AWS_CA_BUNDLE": str(self.certificate),
            "SSL_CERT_FILE": str(self.certificate),
        }

    def __enter__(self):
        self.log = open(self.folder / "emulator.log", "wb")
        self.process = subprocess.Popen(
            [EMULATOR[0] / "bin" / "ministack"],
            cwd=self.folder,
            env=self.environment,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            # A process group of its own, with the functions in it.
            start_new_session=True,
        )
        try:
            poll(60, "the emulator's start", self.healthy)
            self.http_port = plain_http(self.port, self.tls())
        except BaseException:
            self.__exit__()
            print((self.folder / "emulator.log").read_text(errors="replace"), file=sys.stderr)
            raise
        return self

    def __exit__(self, *_):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.log.close()

    def healthy(self):
        check(self.process.poll() is None, "the emulator has ended")
        try:
            url = f"https://127.0.0.1:{self.port}/_ministack/health"
            return urllib.request.urlopen(url, timeout=5, context=self.tls()).status == 200
        except OSError:
            return False

    def tls(self):
        return ssl.create_default_context(cafile=self.certificate)

    def client(self, service, config=None, **credentials):
        """A client of `service`, for the administrator unless there are credentials."""
        import boto3
        from botocore.config import Config

        once = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=f"https://127.0.0.1:{self.port}",
            verify=str(self.certificate),
            config=once.merge(config or Config()),
            **(credentials or {name.lower(): value for name, value in ADMIN.items()}),
        )

    def functions(self):
        """The environments of the functions' processes."""
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if os.getsid(int(process.name)) == self.process.pid:
                    variables = (process / "environ").read_text().split("\0")
                    environment = dict(variable.split("=", 1) for variable in variables if "=" in variable)
                    if "AWS_LAMBDA_FUNCTION_NAME" in environment:
                        yield environment


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def plain_http(port, tls):
    """Passes what comes in on a free port, which is returned, on to `port` over TLS."""
    opened = asyncio.new_event_loop()

    async def pump(reader, writer):
        with contextlib.suppress(OSError):
            while chunk := await reader.read(65536):
                writer.write(chunk)
                await writer.drain()
        writer.close()

    async def connect(reader, writer):
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
        await asyncio.gather(pump(reader, inner_writer), pump(inner_reader, writer))

    server = opened.run_until_complete(asyncio.start_server(connect, "127.0.0.1", 0))
    threading.Thread(target=opened.run_forever, daemon=True).start()
    return server.sockets[0].getsockname()[1]


class Stack:
    """The template, deployed as the README says, and a client of its API."""

    # The environment of samconfig.toml.
    settings = "default"

    def __init__(self, emulator):
        from botocore.config import Config

        self.emulator = emulator
        samconfig = tomllib.loads((ROOT / "samconfig.toml").read_text())
        options = samconfig[self.settings]["deploy"]["parameters"]
        self.name = options["stack_name"]
        self.parameters = dict(each.split("=", 1) for each in options.get("parameter_overrides", []))
        self.deploy()
        client = emulator.client("cloudformation")
        (stack,) = client.describe_stacks(StackName=self.name)["Stacks"]
        self.outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
        resources = client.describe_stack_resources(StackName=self.name)
        self.ids = {
            resource["LogicalResourceId"]: resource["PhysicalResourceId"]
            for resource in resources["StackResources"]
        }
        host, stage = self.outputs["ApiUrl"].removeprefix("https://").split("/")
        api = host.split(".")[0]
        # CloudFormation spells a slash `~1` in this list, which the emulator takes literally.
        binary = {"op": "replace", "path": "/binaryMediaTypes", "value": ["multipart/form-data"]}
        client = emulator.client("apigateway", Config(parameter_validation=False))
        client.update_rest_api(restApiId=api, patchOperations=[binary])
        # Where the emulator serves an API to clients that cannot choose the name of its host.
        self.path = f"/restapis/{api}/{stage}/_user_request_"

    def deploy(self):
        sam("deploy", **self.emulator.client_environment())

    def call(self, method, path, body=None, token=None):
        """Status and JSON of an answer of the API."""
        request = urllib.request.Request(
            f"https://127.0.0.1:{self.emulator.port}{self.path}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        if token:
            request.add_header("Authorization", f"JWT {token}")
        try:
            answer = urllib.request.urlopen(request, timeout=60, context=self.emulator.tls())
        except urllib.error.HTTPError as error:
            answer = error
        return answer.status, json.loads(answer.read())

    def log_in(self, person):
        status, body = self.call("POST", "/obtain_token/", person)
        check(status == 200, f"log-in: {status} {body}")
        return body["token"]

    def restart(self, function):
        """Gives the next request a new sandbox: publishes a version that differs in its description."""
        client = self.emulator.client("lambda")
        name = self.ids[function]
        client.update_function_configuration(FunctionName=name, Description=f"rehearsal {uuid.uuid4()}")
        client.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
        version = client.publish_version(FunctionName=name)["Version"]
        client.update_alias(FunctionName=name, Name="live", FunctionVersion=version)


class Production(Stack):
    """The template without `LEFT_OUT`, deployed from the same build as the README says for production."""

    settings = "prod"

    def deploy(self):
        template = built_template(BUILD)
        for *path, name in LEFT_OUT:
            del functools.reduce(operator.getitem, path, template)[name]
        # AWS::LanguageExtensions puts this in before SAM looks at it. The emulator leaves it to SAM,
        # and has SAM go by the parameters' defaults.
        template["Globals"]["Function"]["Tracing"] = self.parameters["Tracing"]
        copy = self.emulator.folder / "template.json"
        copy.write_text(json.dumps(template))
        sam(
            *["deploy", "--config-env", self.settings, "--no-confirm-changeset"],
            # SAM looks for the file beside the template.
            *["--template-file", copy, "--config-file", ROOT / "samconfig.toml"],
            **self.emulator.client_environment(),
        )


# Proofs: each returns what it has shown, or raises


def template():
    """The template, with `!Name value` as `{"Name": value}`."""
    import yaml

    class Loader(yaml.SafeLoader):
        pass

    def intrinsic(loader, name, node):
        match node:
            case yaml.ScalarNode():
                return {name: loader.construct_scalar(node)}
            case yaml.SequenceNode():
                return {name: loader.construct_sequence(node, deep=True)}
            case yaml.MappingNode():
                return {name: loader.construct_mapping(node, deep=True)}

    Loader.add_multi_constructor("!", intrinsic)
    return yaml.load((ROOT / "template.yaml").read_text(), Loader)


def built_template(folder):
    """The template as `sam build` leaves it, with the functions' code in `folder`."""
    import yaml

    template = yaml.safe_load((BUILD / "template.yaml").read_text())
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = f"{folder}/{resource['Properties']['CodeUri']}"
    return template


def functions_in_the_template():
    """The properties of each function."""
    return {
        name: resource["Properties"]
        for name, resource in template()["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }


def policies_in_the_template():
    """The statements of each function grant what `GRANTED` says."""

    def listed(value):
        return value if isinstance(value, list) else [value]

    def resource(reference):
        match reference:
            case {"GetAtt": text} if text.endswith((".Arn", ".Id")):
                return text.rsplit(".", 1)[0]
            case {"Sub": "${AvatarsBucket.Arn}/avatars/*"}:
                return "avatars/*"
        raise AssertionError(f"unknown resource {reference}")

    functions = functions_in_the_template()
    check(set(functions) == set(GRANTED), f"other functions: {set(functions) ^ set(GRANTED)}")
    for name, properties in functions.items():
        check("Role" not in properties, f"{name} has a role from elsewhere")
        statements = [each for policy in properties["Policies"] for each in policy["Statement"]]
        for statement in statements:
            check(set(statement) == {"Effect", "Action", "Resource"}, f"{name}: {statement}")
            check(statement["Effect"] == "Allow", f"{name}: {statement}")
        found = {
            (action, resource(reference))
            for statement in statements
            for action in listed(statement["Action"])
            for reference in listed(statement["Resource"])
        }
        difference = found ^ GRANTED[name]
        check(not difference, f"{name}: {difference} granted or missing")
    return f"{sum(map(len, GRANTED.values()))} grants of {len(functions)} functions, no other"


def black_box_suite(emulator, stack):
    """The tests of the API pass through the emulated gateway."""
    environment = os.environ | {
        "API_URL": f"http://127.0.0.1:{emulator.http_port}{stack.path}",
        # CloudFront's hosts are no names of this machine; the emulator knows them by their header.
        "AVATARS_URL": f"http://127.0.0.1:{emulator.http_port}",
    }
    skips = [argument for test in sorted(SKIPPED) for argument in ("--skip", test)]
    run = subprocess.run(
        ["cargo", "test", "--locked", "--workspace", "--test", "api", "--", *skips],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    if run.returncode != 0:
        print(run.stdout)
    (result,) = [line for line in run.stdout.splitlines() if line.startswith("test result:")] or ["no result"]
    check(run.returncode == 0, result)
    return result.removeprefix("test result: ")


def probes(stack, dynamodb, s3, manager):
    """Every action that could matter, tried so that nothing changes where it is allowed."""
    for table, key in [("Users", "uuid"), ("Logins", "login"), ("Attempts", "login")]:
        name = stack.ids[table]
        nobody = {key: {"S": f"probe-{uuid.uuid4()}"}}
        never = {
            "TableName": name,
            "ConditionExpression": "attribute_exists(#key)",
            "ExpressionAttributeNames": {"#key": key},
        }
        update = {
            "UpdateExpression": "SET probe = :probe",
            "ExpressionAttributeValues": {":probe": {"S": "x"}},
        }
        query = {
            "KeyConditionExpression": "#key = :key",
            "ExpressionAttributeNames": {"#key": key},
            "ExpressionAttributeValues": {":key": nobody[key]},
        }
        batch = {name: {"Keys": [nobody]}}
        for action, probe in {
            "GetItem": lambda: dynamodb.get_item(TableName=name, Key=nobody),
            "BatchGetItem": lambda: dynamodb.batch_get_item(RequestItems=batch),
            "Query": lambda: dynamodb.query(TableName=name, **query),
            "Scan": lambda: dynamodb.scan(TableName=name, Limit=1),
            "PutItem": lambda: dynamodb.put_item(Item=nobody, **never),
            "UpdateItem": lambda: dynamodb.update_item(Key=nobody, **never, **update),
            "DeleteItem": lambda: dynamodb.delete_item(Key=nobody, **never),
            "DescribeTable": lambda: dynamodb.describe_table(TableName=name),
            "DeleteTable": lambda: dynamodb.delete_table(TableName=name),
        }.items():
            yield (f"dynamodb:{action}", table), probe
    bucket = {"Bucket": stack.ids["AvatarsBucket"]}
    for place, prefix in [("avatars/*", "avatars/"), ("elsewhere", "")]:
        there = {**bucket, "Key": f"{prefix}probe-{uuid.uuid4()}"}
        for action, probe in {
            "PutObject": lambda: s3.put_object(Body=b"", **there),
            "GetObject": lambda: s3.get_object(**there),
            "DeleteObject": lambda: s3.delete_object(**there),
        }.items():
            yield (f"s3:{action}", place), probe
    yield ("s3:ListBucket", "AvatarsBucket"), lambda: s3.list_objects_v2(**bucket)
    yield ("s3:DeleteBucket", "AvatarsBucket"), lambda: s3.delete_bucket(**bucket)
    secret = {"SecretId": stack.ids["SigningKey"]}
    new = {**secret, "SecretString": secrets.token_hex(32)}
    for action, probe in {
        "GetSecretValue": lambda: manager.get_secret_value(**secret),
        "PutSecretValue": lambda: manager.put_secret_value(**new),
        "DeleteSecret": lambda: manager.delete_secret(**secret),
    }.items():
        yield (f"secretsmanager:{action}", "SigningKey"), probe


def policies_enforced(emulator, stack):
    """With the credentials of each function's process, exactly what is granted works."""
    from botocore.exceptions import ClientError

    # So that each has a process.
    for method, path in [("POST", "create_user"), ("POST", "obtain_token"), ("PUT", "update_profile")]:
        stack.call(method, f"/{path}/", {})
    stack.call("GET", "/get_profile/")
    processes = {each["AWS_LAMBDA_FUNCTION_NAME"]: each for each in emulator.functions()}
    tried = total = 0
    for function, granted in GRANTED.items():
        process = processes[stack.ids[function]]
        names = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"]
        credentials = {name.lower(): process[name] for name in names}
        services = ["dynamodb", "s3", "secretsmanager"]
        clients = [emulator.client(service, **credentials) for service in services]
        allowed = set()
        for action, probe in probes(stack, *clients):
            tried += 1
            try:
                probe()
                allowed.add(action)
            except ClientError as error:
                code = error.response["Error"]["Code"]
                if code in ("ConditionalCheckFailedException", "NoSuchKey"):
                    allowed.add(action)
                else:
                    check(code in ("AccessDenied", "AccessDeniedException"), f"{function} {action}: {error}")
        check(
            allowed == granted,
            f"{function}: {allowed - granted} allowed, {granted - allowed} denied",
        )
        total += len(allowed)
    return f"of {tried} calls with the functions' credentials, the {total} that are granted work"


def key_rotation(stack):
    """A token outlives one rotation of the key and not two, and rotating asks for no deployment."""
    manager = stack.emulator.client("secretsmanager")
    secret = stack.outputs["SigningKeyId"]

    def kid(token):
        header = token.split(".")[0]
        return json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))["kid"]

    def current():
        return manager.get_secret_value(SecretId=secret)["VersionId"]

    def rotate():
        before = current()
        manager.put_secret_value(SecretId=secret, SecretString=secrets.token_hex(32))
        check(current() != before, "the secret has no new version")
        # A warm function asks for a new key after five minutes, a new one at its start.
        stack.restart("ObtainToken")

    def profile(token):
        return stack.call("GET", "/get_profile/", token=token)

    name = f"rehearsal-{uuid.uuid4()}"
    person = {"login": name, "password": "rehearsal password"}
    sign_up = {"email": f"{name}@test.com", "username": name, "password": person["password"]}
    status, body = stack.call("POST", "/create_user/", sign_up)
    check(status == 201, f"sign-up: {status} {body}")
    first = stack.log_in(person)
    check(kid(first) == current(), "the first token names another key than the current one")
    check(profile(first)[0] == 200, "the first token is refused")

    rotate()
    second = stack.log_in(person)
    check(kid(second) == current() != kid(first), "the second token names another key than the current one")
    # A sandbox that does not know the new key looks for it, at most once in ten seconds.
    poll(15, "a warm function's use of a new key", lambda: profile(second)[0] == 200)
    check(profile(first)[0] == 200, "the first token is refused after one rotation")
    stack.restart("GetProfile")
    check(profile(first)[0] == 200, "a new sandbox refuses the first token after one rotation")

    rotate()
    third = stack.log_in(person)
    # Warm functions go on taking the first token for up to five minutes.
    stack.restart("GetProfile")
    check(kid(third) == current(), "the third token names another key than the current one")
    check(profile(third)[0] == profile(second)[0] == 200, "the second or the third token is refused")
    status, body = profile(first)
    check((status, body) == (401, {"detail": "Error decoding signature."}), f"first token: {status} {body}")
    return "a token works after one rotation and is refused after two"


def refusals_to_start(emulator, stack):
    """A function ends at its start, and names the variable, where one is missing or a key is short."""
    manager = emulator.client("secretsmanager")
    short = manager.create_secret(Name=f"rehearsal-{uuid.uuid4()}", SecretString="x" * 31)["ARN"]
    cases = 0
    for function, properties in functions_in_the_template().items():
        name = stack.ids[function]
        configuration = emulator.client("lambda").get_function_configuration(FunctionName=name)
        complete = configuration["Environment"]["Variables"]
        required = set(properties["Environment"]["Variables"]) - OPTIONAL
        check(required <= set(complete) <= required | OPTIONAL, f"{function} has {set(complete)}")
        without = [(name, {name: None}, f"{name} ") for name in required]
        if "JWT_SECRET_ID" in required:
            without += [
                ("a short key", {"JWT_SECRET_ID": None, "JWT_SECRET": "x" * 31}, "JWT_SECRET must be"),
                ("a short secret", {"JWT_SECRET_ID": short}, "JWT_SECRET_ID must be"),
                ("no such secret", {"JWT_SECRET_ID": "nowhere"}, "JWT_SECRET_ID must be"),
            ]
        # With nothing wrong it gets as far as the runtime that is not there.
        for case, changes, message in [("nothing", {}, None), *without]:
            environment = emulator.environment | complete | {
                "AWS_LAMBDA_FUNCTION_NAME": function,
                "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{free_port()}",
                "AWS_REGION": REGION,
            }
            for name, value in changes.items():
                environment[name] = value
            environment = {name: value for name, value in environment.items() if value is not None}
            bootstrap = BUILD / function / "bootstrap"
            run = subprocess.run([bootstrap], env=environment, capture_output=True, text=True, timeout=30)
            output = run.stdout + run.stderr
            check(run.returncode != 0, f"{function} with {case} ended well: {output}")
            check(
                message in output if message else not any(name in output for name in required),
                f"{function} with {case} wrong: {output}",
            )
            check("x" * 31 not in output, f"{function} printed the key")
            cases += 1
    return f"{cases} starts of the four binaries"


def logs_without_secrets(stack):
    """Nothing of what the tests have sent, and no token, is in the logs of the whole run."""
    logs = stack.emulator.client("logs")
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=stack.outputs["FunctionLogs"])
    lines = [event["message"] for page in pages for event in page["events"]]
    answered = sum("answered" in line for line in lines)
    check(answered > 100, f"only {answered} of {len(lines)} lines are about a request")
    for line in lines:
        for secret in SECRETS:
            check(secret.lower() not in line.lower(), f"{secret!r} in {line!r}")
    return f"{len(lines)} lines about {answered} requests"


def production_expanded(production):
    """With production's parameters, SAM makes the whole template a sound one that deploys gradually."""
    from samtranslator.translator.transform import transform

    # SAM warns that it has no list of features that AWS is still rolling out.
    logging.getLogger("samtranslator").setLevel(logging.ERROR)
    # `sam validate` lints only what SAM makes of the parameters' defaults.
    managed_policies = types.SimpleNamespace(load=dict)
    expanded = transform(built_template("s3://bucket"), production.parameters, managed_policies)
    path = production.emulator.folder / "expanded.json"
    path.write_text(json.dumps(expanded, indent=2))
    subprocess.run([SAM[0] / "bin" / "cfn-lint", "--ignore-checks", "W", "--", path], check=True)

    resources = expanded["Resources"]
    preference = template()["Globals"]["Function"]["DeploymentPreference"]
    _, alarms, _ = preference["Alarms"]["If"]
    for function in GRANTED:
        policy = resources[f"{function}Aliaslive"]["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]
        group = resources[policy["DeploymentGroupName"]["Ref"]]["Properties"]
        check(preference["Type"] in str(group["DeploymentConfigName"]), f"{function}: {group}")
        _, stopping, _ = group["AlarmConfiguration"]["Fn::If"]
        check(stopping["Alarms"] == [{"Name": alarm} for alarm in alarms], f"{function}: {group}")
    return f"{len(resources)} resources, {len(GRANTED)} functions that {len(alarms)} alarms can roll back"


def strict_passwords(production):
    """A password that development takes is refused; with a longer one an account works."""
    name = f"rehearsal-{uuid.uuid4()}"
    sign_up = {"email": f"{name}@test.com", "username": name, "password": "12345"}
    refused = production.call("POST", "/create_user/", sign_up)
    messages = [
        "This password is too short. It must contain at least 15 characters.",
        "This password is too common.",
        "This password is entirely numeric.",
    ]
    check(refused == (400, {"password": messages}), f"sign-up with 12345: {refused}")

    sign_up["password"] = "rehearsal password"
    created = production.call("POST", "/create_user/", sign_up)
    check(created == (201, {"message": "User succesfully created"}), f"sign-up: {created}")
    token = production.log_in({"login": name, "password": sign_up["password"]})
    status, profile = production.call("GET", "/get_profile/", token=token)
    check((status, profile["email"]) == (200, sign_up["email"]), f"profile: {status} {profile}")
    expected = 200, {**profile, "first_name": "Ada"}
    updated = production.call("PUT", "/update_profile/", {"first_name": "Ada"}, token)
    check(updated == expected, f"update: {updated}")
    read = production.call("GET", "/get_profile/", token=token)
    check(read == expected, f"profile after the update: {read}")
    return "12345 is refused, and an account with a longer one is made, read and changed"


def resources_of_production(production):
    """The resources are as samconfig.toml and the template say."""
    from botocore.exceptions import ClientError

    client, ids = production.emulator.client, production.ids
    parameters = production.parameters

    dynamodb = client("dynamodb")
    for table in ["Users", "Logins", "Attempts"]:
        # The emulator keeps the parameter's text, and takes any for true.
        protected = dynamodb.describe_table(TableName=ids[table])["Table"]["DeletionProtectionEnabled"]
        check(str(protected).lower() == parameters["Protection"] == "true", f"{table}: {protected}")
        try:
            dynamodb.delete_table(TableName=ids[table])
            raise AssertionError(f"{table} was deleted")
        except ClientError as error:
            check("deletion protection" in str(error), f"{table}: {error}")

    for group in ["FunctionLogs", "ApiLogs"]:
        (found,) = client("logs").describe_log_groups(logGroupNamePrefix=ids[group])["logGroups"]
        days = found.get("retentionInDays")
        check(str(days) == parameters["LogRetentionDays"], f"{group} keeps {days} days")

    for function in GRANTED:
        configuration = client("lambda").get_function_configuration(FunctionName=ids[function])
        tracing = configuration["TracingConfig"]["Mode"]
        check(tracing == parameters["Tracing"], f"{function} is traced: {tracing}")
    stage = client("apigateway").get_stage(restApiId=ids["Api"], stageName="v1")
    check(stage["tracingEnabled"], "the gateway sends no traces")

    name, acl, scope = ids["WebAcl"].split("|")
    rules = client("wafv2").get_web_acl(Name=name, Id=acl, Scope=scope)["WebACL"]["Rules"]
    check([rule["Name"] for rule in rules] == ["PasswordRate", "CommonRules"], f"firewall: {rules}")
    limit = rules[0]["Statement"]["RateBasedStatement"]["Limit"]
    check(str(limit) == parameters["WafRateLimit"], f"the firewall lets {limit} through")

    def resolved(value):
        match value:
            case {"Ref": "AWS::StackName"}:
                return production.name
            case {"Ref": name}:
                return ids[name]
            case dict():
                return {key: resolved(each) for key, each in value.items()}
            case list():
                return [resolved(each) for each in value]
        return value

    alarms = ["ServerErrors", "Latency"]
    for alarm in alarms:
        expected = resolved(template()["Resources"][alarm]["Properties"])
        # The emulator forgets it.
        expected.pop("EvaluateLowSampleCountPercentile", None)
        (found,) = client("cloudwatch").describe_alarms(AlarmNames=[ids[alarm]])["MetricAlarms"]
        different = {key: found.get(key) for key, value in expected.items() if found.get(key) != value}
        check(not different, f"{alarm}: {different}")

    dashboard = client("cloudwatch").get_dashboard(DashboardName=production.name)["DashboardBody"]
    charts = json.loads(dashboard)["widgets"]
    for name in ["FunctionLogs", *GRANTED]:
        check(ids[name] in dashboard, f"{name} is not on the dashboard")
    return (
        f"3 tables that cannot be deleted, logs for {parameters['LogRetentionDays']} days, traces, "
        f"a firewall, {len(alarms)} alarms, a dashboard of {len(charts)} charts"
    )


def deployed_again(production):
    """Another deployment has nothing to change and succeeds."""
    client = production.emulator.client("cloudformation")

    def events():
        return client.describe_stack_events(StackName=production.name)["StackEvents"]

    before = events()
    production.deploy()
    check(events() == before, "the stack has changed")
    return "nothing to change"


def accounts_outlive_production(production):
    """A deleted stack leaves the accounts and the avatars behind, and none of the functions."""
    client, ids = production.emulator.client, production.ids
    cloudformation = client("cloudformation")
    cloudformation.delete_stack(StackName=production.name)
    cloudformation.get_waiter("stack_delete_complete").wait(
        StackName=production.name, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    left = {each["FunctionName"] for each in client("lambda").list_functions()["Functions"]}
    check(left.isdisjoint(ids[function] for function in GRANTED), f"functions are left: {left}")
    for table, items in [("Users", 1), ("Logins", 2), ("Attempts", 0)]:
        count = client("dynamodb").scan(TableName=ids[table], Select="COUNT")["Count"]
        check(count == items, f"{table} has {count} items")
    client("s3").head_bucket(Bucket=ids["AvatarsBucket"])
    return "the tables, with the account in them, and the bucket are left"


if __name__ == "__main__":
    main()
