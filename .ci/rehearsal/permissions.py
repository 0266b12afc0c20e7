"""Proves that each function may do what its endpoint needs, and nothing else."""

import secrets
import uuid

from botocore.exceptions import ClientError

from proof import check
from template import functions_in_the_template

# The actions of each function; its role allows no other. `avatars/*` is the bucket below that prefix.
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


def policies_in_the_template(_stack):
    """The statements of each function grant what `GRANTED` says, and nothing else."""

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


def probes(stack, dynamodb, s3, manager):
    """Yields each action that could matter, and a call of it that changes nothing even if it is allowed."""
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


def policies_enforced(stack):
    """With the credentials of each function's process, exactly what is granted works."""
    # The emulator starts a function's process at its first request.
    for method, path in [("POST", "create_user"), ("POST", "obtain_token"), ("PUT", "update_profile")]:
        stack.call(method, f"/{path}/", {})
    stack.call("GET", "/get_profile/")
    processes = {each["AWS_LAMBDA_FUNCTION_NAME"]: each for each in stack.emulator.functions()}
    tried = total = 0
    for function, granted in GRANTED.items():
        process = processes[stack.ids[function]]
        names = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"]
        credentials = {name.lower(): process[name] for name in names}
        services = ["dynamodb", "s3", "secretsmanager"]
        clients = [stack.emulator.client(service, **credentials) for service in services]
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
