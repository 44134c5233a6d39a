"""What SAM makes of template.yaml: plain CloudFormation, as JSON on standard output.

Run by infra/check-template.sh. It needs no account: managed policies are named and not looked up.
"""

import json
import sys

from samtranslator.translator.managed_policy_translator import ManagedPolicyLoader
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse


class NoPolicies(ManagedPolicyLoader):
    """The template names no managed policy of AWS's, and a test holds it to that."""

    def __init__(self):
        super().__init__(None)

    def load(self):
        return {}


with open(sys.argv[1], encoding="utf-8") as file:
    template = yaml_parse(file.read())
for resource in template["Resources"].values():
    if resource["Type"] == "AWS::Serverless::Function":
        # Where `sam deploy` puts what was built.
        resource["Properties"]["CodeUri"] = "s3://bucket/key"
json.dump(transform(template, {}, NoPolicies()), sys.stdout, indent=2)
