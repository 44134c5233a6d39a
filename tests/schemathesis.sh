#!/usr/bin/env bash
# Holds the local server against its API document: tests/schemathesis.sh [examples per operation, 200]. Whatever
# follows goes to schemathesis itself. Needs `cargo build`, and schemathesis (PyPI) in $HOLDFAST_TOOLS or on the PATH.
set -euo pipefail
cd "$(dirname "$0")/.."

examples=${1:-200}
shift || true
tools=${HOLDFAST_TOOLS:-${TMPDIR:-/tmp}/holdfast-tools}
export PATH="$tools/bin:$PATH"
server=${CARGO_TARGET_DIR:-target}/debug/local
work=$(mktemp -d)

HOLDFAST_LOG=${HOLDFAST_LOG:-error} "$server" --memory --port 0 >"$work/out" 2>"$work/err" &
pid=$!
trap 'kill "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; rm -rf "$work"' EXIT

ready=
for _ in $(seq 100); do
  ready=$(sed -n 's/^ready //p' "$work/out")
  [ -z "$ready" ] || break
  kill -0 "$pid" 2>/dev/null || break
  sleep 0.2
done
if [ -z "$ready" ]; then
  cat "$work/err" >&2
  exit 1
fi
read_field() { python3 -c 'import json, sys; print(json.loads(sys.argv[1])[sys.argv[2]])' "$ready" "$1"; }
api=$(read_field api)
HOLDFAST_ADMIN_TOKEN=$(read_field admin_token)
export HOLDFAST_ADMIN_TOKEN

verdict=0
st --config-file tests/schemathesis.toml run "$api/v1/openapi.json" --max-examples "$examples" "$@" || verdict=$?
if [ -s "$work/err" ]; then
  echo 'the server has logged errors:' >&2
  head -n 20 "$work/err" >&2
  verdict=1
fi
exit "$verdict"
