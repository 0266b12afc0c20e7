"""Reads the template."""

import functools

import yaml

from tools import BUILD, ROOT


@functools.cache
def template():
    """Returns the template, with `!Name value` as `{"Name": value}`."""

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
    """Returns the template that `sam build` has written, with the functions' code in `folder`."""
    template = yaml.safe_load((BUILD / "template.yaml").read_text())
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = f"{folder}/{resource['Properties']['CodeUri']}"
    return template


def functions_in_the_template():
    """Returns the properties of each function by its logical id."""
    return {
        name: resource["Properties"]
        for name, resource in template()["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }
