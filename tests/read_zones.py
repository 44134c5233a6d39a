#!/usr/bin/env python3
"""Time zones as Python's `zoneinfo` reads them: the answer that ours is compared with.

    read_zones.py FROM UNTIL [FOLDER]

reads each zone of PyPI's `tzdata`, or of a folder of TZif files, and prints JSON:

    release   the release of the IANA database, such as 2026f; null for a folder
    zones     a list with one object for each set of rules:
        names     the zones that have them
        offsets   [[second, offset], ...]: the first at FROM, then each change of the offset after it, up to UNTIL
        local     [[time, [second, ...]], ...]: when clocks show a local time, for times around each of these changes;
                  the local time is in seconds, as if it were UTC's

FROM and UNTIL are in seconds since 1970, like all instants; offsets are in seconds ahead of UTC.
"""

import datetime
import functools
import importlib.resources
import io
import json
import pathlib
import sys
import zoneinfo

UTC = datetime.timezone.utc
EPOCH = datetime.datetime(1970, 1, 1)
# Offsets are compared so far apart. No zone has changed there and back in less time.
STEP = 3 * 86_400


def files(folder):
    """The TZif data of each zone by its name. `Factory` is none that anybody lives in."""
    if folder:
        root = pathlib.Path(folder)
        names = [str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()]
    else:
        root = importlib.resources.files("tzdata") / "zoneinfo"
        names = (root.parent / "zones").read_text().split()
    return {name: root.joinpath(*name.split("/")).read_bytes() for name in names if name != "Factory"}


@functools.cache
def in_utc(second):
    return (EPOCH + datetime.timedelta(seconds=second)).replace(tzinfo=UTC)


def offset_at(zone, second):
    return int(in_utc(second).astimezone(zone).utcoffset().total_seconds())


def offsets(zone, start, end):
    found = [[start, offset_at(zone, start)]]
    for low in range(start, end, STEP):
        high = min(low + STEP, end)
        while (wanted := offset_at(zone, high)) != found[-1][1]:
            before, after = low, high
            while after - before > 1:
                middle = (before + after) // 2
                if offset_at(zone, middle) == found[-1][1]:
                    before = middle
                else:
                    after = middle
            found.append([after, offset_at(zone, after)])
            low = after
    return found


def instants(zone, local):
    """When the zone's clocks show a local time: never, once, or twice in order."""
    time = EPOCH + datetime.timedelta(seconds=local)
    found = set()
    for fold in (0, 1):
        at = time.replace(tzinfo=zone, fold=fold).astimezone(UTC)
        if at.astimezone(zone).replace(tzinfo=None) == time:
            found.add(round((at.replace(tzinfo=None) - EPOCH).total_seconds()))
    return sorted(found)


def local_times(zone, changes):
    times = set()
    for (_, before), (at, after) in zip(changes, changes[1:]):
        first, last = sorted([at + before, at + after])
        times.update([first - 1, first, first + 1, (first + last) // 2, last - 1, last, last + 1])
    return [[time, instants(zone, time)] for time in sorted(times)]


def main(start, end, folder=None):
    names = {}
    for name, data in sorted(files(folder).items()):
        names.setdefault(data, []).append(name)
    zones = []
    for data, same in names.items():
        zone = zoneinfo.ZoneInfo.from_file(io.BytesIO(data))
        changes = offsets(zone, int(start), int(end))
        zones.append({"names": same, "offsets": changes, "local": local_times(zone, changes)})
    release = None
    if not folder:
        import tzdata

        release = tzdata.IANA_VERSION
    json.dump({"release": release, "zones": zones}, sys.stdout)


main(*sys.argv[1:])
