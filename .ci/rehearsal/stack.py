"""Deploys the two stacks of the rehearsal, and calls their APIs."""

import functools
import json
import operator
import tomllib
import urllib.error
import urllib.request
import uuid

from botocore.config import Config

from proof import check
from template import built_template, template
from tools import BUILD, ROOT, run

# Parts of the template that the emulator cannot make, and why. The stack for production is without them.
LEFT_OUT = [
    # It has no CodeDeploy, which shifts the requests to a new version.
    ("Globals", "Function", "DeploymentPreference"),
    ("Resources", "CreateUser", "Properties", "DeploymentPreference"),
    ("Resources", "ObtainToken", "Properties", "DeploymentPreference"),
    ("Resources", "UpdateProfile", "Properties", "DeploymentPreference"),
    ("Resources", "GetProfile", "Properties", "DeploymentPreference"),
    # It makes the firewall, and cannot attach it to a stage.
    ("Resources", "WebAclAssociation"),
    # It does not know the resource.
    ("Resources", "TraceSampling"),
    # It makes alarms on one metric, and none on an expression over several.
    ("Resources", "CreateUserFailures"),
    ("Resources", "ObtainTokenFailures"),
    ("Resources", "UpdateProfileFailures"),
    ("Resources", "GetProfileFailures"),
    ("Resources", "FunctionThrottles"),
    ("Resources", "LogInFailures"),
    ("Resources", "DatabaseErrors"),
]


class Stack:
    """The template, deployed as the README says, and a client of its API."""

    # The name of its settings in samconfig.toml.
    settings = "default"

    def __init__(self, emulator):
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
        # The emulator does not decode `~1`, as CloudFormation spells a slash in this list.
        types = template()["Resources"]["Api"]["Properties"]["BinaryMediaTypes"]
        types = [each.replace("~1", "/") for each in types]
        binary = {"op": "replace", "path": "/binaryMediaTypes", "value": types}
        client = emulator.client("apigateway", Config(parameter_validation=False))
        client.update_rest_api(restApiId=api, patchOperations=[binary])
        # The emulator finds an API by its host name, or by this path if a client cannot set the name.
        self.path = f"/restapis/{api}/{stage}/_user_request_"

    def deploy(self):
        """Runs the README's `sam deploy`."""
        run("sam", "deploy", **self.emulator.client_environment())

    def call(self, method, path, body=None, token=None):
        """Sends `body` as JSON, and returns the status and the JSON of the response."""
        data = None if body is None else json.dumps(body).encode()
        return self.send(method, path, data, "application/json", token)

    def send(self, method, path, data, content_type, token=None):
        """Sends bytes, and returns the status and the JSON of the response."""
        request = urllib.request.Request(
            f"https://127.0.0.1:{self.emulator.port}{self.path}{path}",
            method=method,
            data=data,
            headers={"Content-Type": content_type},
        )
        if token:
            request.add_header("Authorization", f"JWT {token}")
        try:
            response = urllib.request.urlopen(request, timeout=60, context=self.emulator.tls())
        except urllib.error.HTTPError as error:
            response = error
        return response.status, json.loads(response.read())

    def log_in(self, person):
        """Returns a new token of `person`."""
        status, body = self.call("POST", "/obtain_token/", person)
        check(status == 200, f"log-in: {status} {body}")
        return body["token"]

    def restart(self, function):
        """Makes the next request start a new sandbox, by a new version that differs in its description."""
        client = self.emulator.client("lambda")
        name = self.ids[function]
        client.update_function_configuration(FunctionName=name, Description=f"rehearsal {uuid.uuid4()}")
        client.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
        version = client.publish_version(FunctionName=name)["Version"]
        client.update_alias(FunctionName=name, Name="live", FunctionVersion=version)


class Production(Stack):
    """The template without `LEFT_OUT`, deployed from the same build with the settings for production."""

    settings = "prod"

    def deploy(self):
        """Runs `sam deploy` for production."""
        built = built_template(BUILD)
        for *path, name in LEFT_OUT:
            del functools.reduce(operator.getitem, path, built)[name]
        # On AWS, AWS::LanguageExtensions replaces this reference before SAM reads it. The emulator leaves
        # it to SAM, which then uses the parameter's default.
        built["Globals"]["Function"]["Tracing"] = self.parameters["Tracing"]
        copy = self.emulator.folder / "template.json"
        copy.write_text(json.dumps(built))
        run(
            *["sam", "deploy", "--config-env", self.settings, "--no-confirm-changeset"],
            # By default SAM looks for the file beside the template.
            *["--template-file", copy, "--config-file", ROOT / "samconfig.toml"],
            **self.emulator.client_environment(),
        )
