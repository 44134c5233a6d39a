#!/usr/bin/env bash
# The three checks of template.yaml that need no account. Each sees what the others miss: cfn-lint does not run
# SAM's translator, `sam validate` looks at SAM's part only, and the translated template is what is deployed.
#
#   python3 -m venv .venv && .venv/bin/pip install cfn-lint aws-sam-cli
#   PATH=.venv/bin:$PATH infra/check-template.sh
set -euo pipefail
cd "$(dirname "$0")/.."
export SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=eu-central-1

cfn-lint template.yaml
echo 'cfn-lint template.yaml: ok'
sam validate --lint --template template.yaml

translated=$(mktemp --suffix .json)
trap 'rm -f "$translated"' EXIT
python3 infra/translate.py template.yaml > "$translated"
# SAM writes the value of a parameter into the API's definition, so that the parameter then seems unused.
cfn-lint --ignore-checks W2001 -- "$translated"
echo 'cfn-lint on what SAM makes of it: ok'
