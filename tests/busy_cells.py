#!/usr/bin/env python3
"""What `recurring_ical_events` makes of an iCalendar file: the answer that ours is compared with.

    busy_cells.py FILE.ics ZONE

prints JSON on the year with the most occurrences (of the ten from the first event on; the earliest of equals):

    zone     the calendar's: X-WR-TIMEZONE, or else ZONE
    year     the year
    events   [[start, end], ..] of what is not cancelled and touches the year, whole days as dates, sorted
    cells    {date: 72 hex digits} of the UTC days of the year that have a busy one; one bit for 5 minutes, the
             lowest bit of the first byte for 00:00
    refused  [[title, reason], ..] of the components that it cannot read

Busy is what is neither cancelled nor transparent. Their expansion is taken as it is, after two things in which
they are not RFC 5545:

- X-WR-TIMEZONE is taken out first. `of` gives it to the package `x_wr_timezone`, which moves times in UTC into
  that zone before they recur, so that a series written in UTC follows the zone's clock changes. A time with `Z`
  is an instant, whatever the calendar's zone (3.3.5, form 2).
- A zone that `icalendar` does not know, it drops, and the time floats. Outlook's display names are such; they
  are replaced by what they mean, and listed under `refused`.
"""

import datetime
import json
import sys
from collections import Counter
from zoneinfo import ZoneInfo

import icalendar
import recurring_ical_events

UTC = datetime.timezone.utc
CELL = 300
YEARS = 10
ZONES = {
    "(GMT+10:00) Canberra, Melbourne, Sydney": "Australia/Sydney",
    "(UTC-05:00) Eastern Time (US & Canada)": "America/New_York",
}
TIMES = ("DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "RECURRENCE-ID")


def floats(time):
    return not is_day(time) and time.tzinfo is None


def is_day(time):
    return not isinstance(time, datetime.datetime)


def instant(time, zone):
    """The instant of a time or of the start of a day, in UTC."""
    if is_day(time):
        time = datetime.datetime.combine(time, datetime.time())
    if time.tzinfo is None:
        time = time.replace(tzinfo=zone)
    return time.astimezone(UTC)


def written(time, zone):
    return time.isoformat() if is_day(time) else instant(time, zone).isoformat()


def main(path, fallback):
    with open(path, encoding="utf-8", newline="") as file:
        text = file.read()
    refused = []
    for name, meant in ZONES.items():
        if name in text:
            refused.append([name, f"unknown zone, read as {meant}"])
            text = text.replace(f'"{name}"', meant)
    calendar = icalendar.Calendar.from_ical(text)
    zone = ZoneInfo(str(calendar.pop("X-WR-TIMEZONE", fallback)))
    for event in calendar.walk("VEVENT"):
        broken = [f"{name}: {reason}" for name, reason in event.errors if name in TIMES]
        times = [event[name] for name in ("DTSTART", "DTEND", "RECURRENCE-ID") if name in event]
        if not broken:
            unknown = [time.params["TZID"] for time in times if "TZID" in time.params and floats(time.dt)]
            broken = [f"unknown zone {name}" for name in unknown]
        if broken:
            refused.append([str(event.get("SUMMARY", "")), "; ".join(broken)])
            calendar.subcomponents.remove(event)
    expansion = recurring_ical_events.of(calendar)
    first = min(instant(event["DTSTART"].dt, zone) for event in calendar.walk("VEVENT")).year

    def within(year):
        # A day more on each side, because a query's edges are in no zone; cut exactly below.
        begin, end = (datetime.datetime(year + more, 1, 1, tzinfo=UTC) for more in (0, 1))
        day = datetime.timedelta(days=1)
        for event in expansion.between(begin - day, end + day):
            start, stop = event["DTSTART"].dt, event["DTEND"].dt
            busy = instant(start, zone), instant(stop, zone)
            if busy[0] < end and (busy[1] > begin or busy[0] == busy[1] >= begin):
                yield event, (start, stop), busy

    counts = Counter({year: sum(1 for _ in within(year)) for year in range(first, first + YEARS)})
    year = min(counts, key=lambda year: (-counts[year], year))
    events, cells = [], {}
    for event, (start, stop), (begin, end) in within(year):
        if event.get("STATUS") == "CANCELLED":
            continue
        events.append([written(start, zone), written(stop, zone)])
        if event.get("TRANSP") == "TRANSPARENT":
            continue
        last = -(-int(end.timestamp()) // CELL) if end > begin else 0
        for cell in range(int(begin.timestamp()) // CELL, last):
            at = datetime.datetime.fromtimestamp(cell * CELL, UTC)
            if at.year == year:
                bits = cells.setdefault(at.date().isoformat(), bytearray(36))
                place = (at.hour * 60 + at.minute) // 5
                bits[place // 8] |= 1 << place % 8
    print(
        json.dumps(
            {
                "zone": str(zone),
                "year": year,
                "events": sorted(events),
                "cells": {day: bits.hex() for day, bits in sorted(cells.items())},
                "refused": refused,
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
