#!/usr/bin/env bash
# The tour of README.md, word for word, against a fresh `cargo run` on its usual ports.
#
#   infra/tour.sh            the functions run in the one process
#   infra/tour.sh --watch    they run in `cargo lambda watch` (pip install cargo-lambda)
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
folder=$(mktemp -d)
started=()
finish() {
  for process in "${started[@]}"; do kill "$process" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$folder"
}
trap finish EXIT
cd "$root"

options=(--data "$folder/data")
if [ "${1-}" = --watch ]; then
  options+=(--invoke http://127.0.0.1:9000 --env-file "$folder/lambda.env")
fi
cargo build --locked
cargo run --quiet --locked -- "${options[@]}" > "$folder/holdfast.out" 2> "$folder/holdfast.log" &
started+=($!)
until grep -q '^ready ' "$folder/holdfast.out"; do
  kill -0 "${started[0]}" || { cat "$folder/holdfast.log"; exit 1; }
  sleep 0.2
done

if [ "${1-}" = --watch ]; then
  cargo lambda watch --invoke-port 9000 --env-file "$folder/lambda.env" > "$folder/watch.log" 2>&1 &
  started+=($!)
  until curl -s -o "$folder/null" http://127.0.0.1:9000/; do
    kill -0 "${started[1]}" || { cat "$folder/watch.log"; exit 1; }
    sleep 0.2
  done
  echo 'each function is built when it is first asked for'
fi

awk '/^## /{ tour = ($0 == "## The tour") } /^```/{ block = ($0 == "```sh"); next } tour && block' README.md > "$folder/tour"
cd "$folder"
bash -euo pipefail tour | tee answers
printf '\n'
grep -q '"status":"connected"' answers
grep -q '"code":"slot-taken"' answers
grep -q '"status":"confirmed".*"calendar_sync":"synced"' booking.json
grep -q '"status":"confirmed","version":2.*"calendar_sync":"synced"' moved.json
grep -q 'BEGIN:VEVENT' answers
grep -q '"status":"cancelled".*"calendar_sync":"synced"' answers
grep -q '}"start":"[^"]*"$' answers
grep -q '"status":"pending"' lesson.json
grep -q '"status":"confirmed","version":2.*"calendar_sync":"synced"' confirmed.json
tail -n 1 answers | grep -q '"bookings":\[{.*"next_cursor":null}$'
echo "the tour is as README.md says${1:+, through cargo lambda watch}"
