"""Proves that the stack for production is as samconfig.toml and the template say."""

import json
import logging
import random
import string
import subprocess
import types

from botocore.exceptions import ClientError
from samtranslator.translator.transform import transform

from permissions import GRANTED
from proof import check
from template import built_template, template
from tools import SAM


def production_expanded(production):
    """With production's parameters, SAM expands the whole template to a valid one that deploys gradually.

    An alarm on the failures of its new version alone rolls back a function.
    """
    # SAM warns that it lacks a list of features that AWS is still rolling out.
    logging.getLogger("samtranslator").setLevel(logging.ERROR)
    # `sam validate` lints the template with the parameters' defaults only.
    managed_policies = types.SimpleNamespace(load=dict)
    expanded = transform(built_template("s3://bucket"), production.parameters, managed_policies)
    path = production.emulator.folder / "expanded.json"
    path.write_text(json.dumps(expanded, indent=2))
    subprocess.run([SAM / "cfn-lint", "--ignore-checks", "W", "--", path], check=True)

    resources = expanded["Resources"]
    preference = template()["Globals"]["Function"]["DeploymentPreference"]
    for function in GRANTED:
        alias = resources[f"{function}Aliaslive"]
        policy = alias["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]
        group = resources[policy["DeploymentGroupName"]["Ref"]]["Properties"]
        check(preference["Type"] in str(group["DeploymentConfigName"]), f"{function}: {group}")
        alarm = f"{function}Failures"
        _, stopping, _ = group["AlarmConfiguration"]["Fn::If"]
        check(stopping["Alarms"] == [{"Name": {"Ref": alarm}}], f"{function}: {group}")
        _, *metrics = resources[alarm]["Properties"]["Metrics"]
        for metric in metrics:
            dimensions = metric["MetricStat"]["Metric"]["Dimensions"]
            (version,) = [each["Value"] for each in dimensions if each["Name"].endswith("Version")]
            check(version == alias["Properties"]["FunctionVersion"], f"{alarm} counts {version}")
    return f"{len(resources)} resources, {len(GRANTED)} functions that a failure of their new version rolls back"


def strict_passwords(production):
    """Sign-up refuses a password that development accepts; an account with a longer one works."""
    # Of letters alone: a name with a run of digits could be similar to the password.
    name = "rehearsal-" + "".join(random.choices(string.ascii_lowercase, k=20))
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


def tables_protected(production):
    """The tables refuse to be deleted."""
    dynamodb = production.emulator.client("dynamodb")
    tables = ["Users", "Logins", "Attempts"]
    for table in tables:
        name = production.ids[table]
        # The emulator keeps the parameter as a string, and any string protects the table.
        protected = dynamodb.describe_table(TableName=name)["Table"]["DeletionProtectionEnabled"]
        check(str(protected).lower() == production.parameters["Protection"] == "true", f"{table}: {protected}")
        try:
            dynamodb.delete_table(TableName=name)
            raise AssertionError(f"{table} was deleted")
        except ClientError as error:
            check("deletion protection" in str(error), f"{table}: {error}")
    return f"{len(tables)} tables that cannot be deleted"


def logs_retained(production):
    """The log groups keep their lines for as long as the parameter says."""
    logs, wanted = production.emulator.client("logs"), production.parameters["LogRetentionDays"]
    for group in ["FunctionLogs", "ApiLogs"]:
        (found,) = logs.describe_log_groups(logGroupNamePrefix=production.ids[group])["logGroups"]
        days = found.get("retentionInDays")
        check(str(days) == wanted, f"{group} keeps {days} days")
    return f"for {wanted} days"


def traces_sent(production):
    """The gateway and each function send traces."""
    for function in GRANTED:
        name = production.ids[function]
        configuration = production.emulator.client("lambda").get_function_configuration(FunctionName=name)
        tracing = configuration["TracingConfig"]["Mode"]
        check(tracing == production.parameters["Tracing"], f"{function} is traced: {tracing}")
    gateway = production.emulator.client("apigateway")
    stage = gateway.get_stage(restApiId=production.ids["Api"], stageName="v1")
    check(stage["tracingEnabled"], "the gateway sends no traces")
    return f"by the gateway and {len(GRANTED)} functions"


def firewall(production):
    """The firewall exists, and its rules limit each method by the parameter of its own.

    The rules are the template's: the emulator returns a search string that its client cannot decode.
    """
    name, acl, _ = production.ids["WebAcl"].split("|")
    acls = production.emulator.client("wafv2").list_web_acls(Scope="REGIONAL")["WebACLs"]
    check((name, acl) in [(each["Name"], each["Id"]) for each in acls], f"no firewall: {acls}")
    rules = template()["Resources"]["WebAcl"]["Properties"]["Rules"]
    names = ["PasswordRate", "UpdateRate", "CommonRules"]
    check([rule["Name"] for rule in rules] == names, f"firewall: {rules}")
    wanted = [("POST", "WafRateLimit"), ("PUT", "WafUpdateRateLimit")]
    for rule, (method, parameter) in zip(rules, wanted):
        statement = rule["Statement"]["RateBasedStatement"]
        check(statement["Limit"] == {"Ref": parameter}, f"{rule['Name']} lets {statement['Limit']} through")
        matched = statement["ScopeDownStatement"]["ByteMatchStatement"]["SearchString"]
        check(matched == method, f"{rule['Name']} counts {matched}")
    return f"{len(rules)} rules, {len(wanted)} of them limits on an IP address"


def concurrency(production):
    """Each function has the sandboxes that the parameter reserves, by the template: the emulator reserves none."""
    wanted = production.parameters["ReservedConcurrency"]
    check(int(wanted) > 0, "production reserves no sandboxes")
    reserved = template()["Globals"]["Function"]["ReservedConcurrentExecutions"]
    condition, value, _ = reserved["If"]
    check((condition, value) == ("HasReservedConcurrency", {"Ref": "ReservedConcurrency"}), f"{reserved}")
    return f"{wanted} sandboxes for each of {len(GRANTED)} functions"


def alarms(production):
    """The alarms that the emulator can make are as in the template."""

    def resolved(value):
        match value:
            case {"Ref": "AWS::StackName"}:
                return production.name
            case {"Ref": name}:
                return production.ids[name]
            case dict():
                return {key: resolved(each) for key, each in value.items()}
            case list():
                return [resolved(each) for each in value]
        return value

    cloudwatch = production.emulator.client("cloudwatch")
    names = ["ServerErrors", "Latency"]
    for name in names:
        expected = resolved(template()["Resources"][name]["Properties"])
        # The emulator does not keep this property.
        expected.pop("EvaluateLowSampleCountPercentile", None)
        (found,) = cloudwatch.describe_alarms(AlarmNames=[production.ids[name]])["MetricAlarms"]
        different = {key: found.get(key) for key, value in expected.items() if found.get(key) != value}
        check(not different, f"{name}: {different}")
    return f"{len(names)} alarms"


def dashboard(production):
    """The dashboard shows each function and the log."""
    cloudwatch = production.emulator.client("cloudwatch")
    body = cloudwatch.get_dashboard(DashboardName=production.name)["DashboardBody"]
    for name in ["FunctionLogs", *GRANTED]:
        check(production.ids[name] in body, f"{name} is not on the dashboard")
    return f"{len(json.loads(body)['widgets'])} charts"


def deployed_again(production):
    """A second deployment has nothing to change, and succeeds."""
    client = production.emulator.client("cloudformation")

    def events():
        return client.describe_stack_events(StackName=production.name)["StackEvents"]

    before = events()
    production.deploy()
    check(events() == before, "the stack has changed")
    return "nothing to change"


def accounts_outlive_production(production):
    """Deleting the stack deletes the functions, and keeps the tables and the bucket."""
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
