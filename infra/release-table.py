#!/usr/bin/env python3
"""What the release binaries weigh: size, as a file and zipped, exec to first poll, the first call over TLS, peak memory.

    python3 infra/release-table.py            builds, starts each, prints a Markdown table
    python3 infra/release-table.py --no-build

Each binary runs on this machine against a Runtime API and a DynamoDB over TLS that are both in here, with nothing
in its environment but what it needs. Times are medians; CPU is what the scheduler charged the process for. It takes
Linux, cargo and openssl, and no package.
"""

import argparse
import json
import pathlib
import platform
import ssl
import statistics
import subprocess
import tempfile
import threading
import time
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ROOT = pathlib.Path(__file__).resolve().parent.parent
EVENTS = ROOT / "tests" / "events"
RUNS = 21


def request(route, path, body=None, claims=None):
    """The recorded request, on another route."""
    event = json.loads((EVENTS / "request.json").read_text())
    context = event["requestContext"]
    event["routeKey"] = context["routeKey"] = route
    event["rawPath"] = context["http"]["path"] = path
    context["http"]["method"] = route.split()[0]
    if body is not None:
        event["body"] = json.dumps(body)
        event["headers"]["content-type"] = "application/json"
    if claims is not None:
        context["authorizer"] = {"jwt": {"claims": claims, "scopes": None}}
    return event


ADMIN = {"sub": "admin", "tenant": "demo", "roles": "[admin]"}
LISTING = "/v1/tenants/demo/event-types/intro/slots"
SLOT = {"event_type": "intro", "start": "2026-11-24T10:00:00Z"}
# An event for each that makes it ask AWS once, over a connection yet to be made (sync-dispatch and maintenance
# ask for sixteen shards at a time).
FIRST = {
    "bookings": request("POST /v1/tenants/{tenant}/holds", "/v1/tenants/demo/holds", SLOT),
    "catalog": request("GET /v1/tenant", "/v1/tenant", None, ADMIN),
    "empty": {},
    "integrations": request("GET /v1/integrations/{id}", "/v1/integrations/int_0123456789abcdef01234567", None, ADMIN),
    "maintenance": json.loads((EVENTS / "schedule.json").read_text()),
    "oauth-callback": request("GET /v1/oauth/{provider}/callback", "/v1/oauth/google/callback"),
    "oauth-start": request(
        "POST /v1/integrations/{provider}/connect", "/v1/integrations/google/connect", {"host": "hst_ada1"}, ADMIN
    ),
    "pages": request("GET /{tenant}/{slug}", "/demo/intro"),
    "relay": json.loads((EVENTS / "stream.json").read_text()),
    "slots": request("GET /v1/tenants/{tenant}/event-types/{slug}/slots", LISTING),
    "sync": json.loads((EVENTS / "queue.json").read_text()),
    "sync-dispatch": json.loads((EVENTS / "schedule.json").read_text()),
}
FIRST["slots"]["rawQueryString"] = "from=2026-11-24&to=2026-11-25&time_zone=UTC"
FIRST["oauth-callback"]["rawQueryString"] = f"state={'a' * 43}&code=4/code"
FIRST["relay"]["Records"][0]["eventName"] = "INSERT"
FIRST["relay"]["Records"][0]["dynamodb"]["NewImage"] = json.loads((EVENTS / "integration-image.json").read_text())
del FIRST["relay"]["Records"][0]["dynamodb"]["OldImage"]


class Quiet(BaseHTTPRequestHandler):
    """Answers JSON and says nothing."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def body(self):
        return self.rfile.read(int(self.headers.get("content-length", 0)))

    def reply(self, status, body=b"{}", headers=()):
        self.send_response(status)
        for name, value in (*headers, ("content-type", "application/json"), ("content-length", str(len(body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


class Table(Quiet):
    """A service of AWS's in which there is nothing, and which takes everything."""

    calls = 0

    def do_POST(self):
        Table.calls += 1
        self.body()
        is_bus = self.headers.get("x-amz-target", "").endswith("PutEvents")
        self.reply(200, b'{"FailedEntryCount":0,"Entries":[{"EventId":"1"}]}' if is_bus else b'{"Count":0,"Items":[]}')


class Runtime(Quiet):
    """One sandbox's Runtime API: hands out one event when it may, and notes when it was asked."""

    def do_GET(self):
        server = self.server
        server.polled_at.append(time.perf_counter())
        server.polled.set()
        if len(server.polled_at) > 1:
            server.finished.set()
            threading.Event().wait(60)
            return
        server.may_go.wait(60)
        event = json.dumps(server.event).encode()
        headers = (
            ("lambda-runtime-aws-request-id", "1"),
            ("lambda-runtime-deadline-ms", str(int(time.time() * 1000) + 60000)),
            ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:eu-central-1:000000000000:function:f"),
        )
        self.reply(200, event, headers)

    def do_POST(self):
        self.server.answers.append((self.path.rsplit("/", 1)[-1], self.body()))
        self.reply(202)


def serve(handler, context=None):
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def certificates(folder):
    """A root of our own and a server's certificate by it."""

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl("req", "-x509", *key, "-keyout", "root.key", "-out", "root.pem", "-subj", "/CN=root", "-days", "2")
    openssl("req", *key, "-keyout", "leaf.key", "-out", "leaf.csr", "-subj", "/CN=localhost")
    (folder / "leaf.ext").write_text("subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n")
    openssl(
        "x509", "-req", "-in", "leaf.csr", "-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial",
        "-out", "leaf.pem", "-days", "2", "-extfile", "leaf.ext",
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "leaf.pem", folder / "leaf.key")
    return context, (folder / "root.pem").read_text()


def cpu_ms(pid):
    tasks = pathlib.Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e6


def peak_mb(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


def run(binary, event, environment):
    """One life of a sandbox: milliseconds to the first poll, CPU milliseconds of the first event, peak megabytes."""
    runtime = serve(Runtime)
    runtime.polled, runtime.may_go, runtime.finished = threading.Event(), threading.Event(), threading.Event()
    runtime.polled_at, runtime.answers, runtime.event = [], [], event
    api = f"127.0.0.1:{runtime.server_address[1]}"
    began = time.perf_counter()
    process = subprocess.Popen(
        [binary],
        env=environment | {"AWS_LAMBDA_RUNTIME_API": api},
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        assert runtime.polled.wait(10), f"{binary} never asked for work"
        first_poll = (runtime.polled_at[0] - began) * 1000
        time.sleep(0.02)
        before = cpu_ms(process.pid)
        runtime.may_go.set()
        assert runtime.finished.wait(20), f"{binary} gave no answer"
        time.sleep(0.005)
        spent, peak = cpu_ms(process.pid) - before, peak_mb(process.pid)
        kind, answer = runtime.answers[0]
        assert kind == "response", f"{binary}: {answer.decode()}"
        return first_poll, spent, peak
    finally:
        process.kill()
        process.wait()
        runtime.shutdown()
        runtime.server_close()


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--no-build", action="store_true", help="measure what target/release has")
    arguments.add_argument("--target", default=str(ROOT / "target"), help="cargo's target directory")
    arguments.add_argument("--runs", type=int, default=RUNS)
    given = arguments.parse_args()
    names = sorted(FIRST)
    if not given.no_build:
        packages = [part for name in names for part in ("-p", name)]
        build = ["cargo", "build", "--release", "--locked", *packages, "--target-dir", given.target]
        subprocess.run(build, cwd=ROOT, check=True)
    with tempfile.TemporaryDirectory() as folder:
        context, root = certificates(pathlib.Path(folder))
        aws = f"https://localhost:{serve(Table, context).server_address[1]}"
        environment = {
            "AWS_ACCESS_KEY_ID": "id",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": "eu-central-1",
            "AWS_LAMBDA_FUNCTION_NAME": "f",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
            "AWS_ENDPOINT_URL_DYNAMODB": aws,
            "AWS_ENDPOINT_URL_KMS": aws,
            "AWS_ENDPOINT_URL_EVENTBRIDGE": aws,
            "HOLDFAST_PUBLIC_URL": "https://api.example.com",
            "HOLDFAST_EXTRA_ROOTS": root,
            "HOLDFAST_GOOGLE_CLIENT_ID": "id",
            "HOLDFAST_GOOGLE_CLIENT_SECRET": "c2VhbGVk",
        }
        rows = {}
        for name in names:
            binary = pathlib.Path(given.target) / "release" / name
            Table.calls = 0
            runs = [run(binary, FIRST[name], environment) for _ in range(given.runs)]
            calls = Table.calls / given.runs
            medians = [statistics.median(column) for column in zip(*runs)]
            code = binary.read_bytes()
            rows[name] = (len(code) / 1e6, len(zlib.compress(code, 9)) / 1e6, *medians, calls)
    empty = rows["empty"]
    print(f"{platform.machine()}, {platform.system()} {platform.release()}, {given.runs} runs each\n")
    print("| function | MB | zipped | first poll, ms | of the empty one's | first event, ms CPU | AWS calls in it | peak MB |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for name, (size, zipped, poll, cpu, peak, calls) in rows.items():
        figures = f"{size:.1f} | {zipped:.1f} | {poll:.2f} | {poll / empty[2]:.2f} | {cpu:.2f} | {calls:.0f} | {peak:.1f}"
        print(f"| {name} | {figures} |")


main()
