#!/usr/bin/env python3
"""What `icalendar` reads in a file of iCalendar objects, one after another: the answer that ours is compared with.

    read_ics.py FILE.ics

prints a JSON list with one object for each VCALENDAR:

    components   the names of what is in it, in order
    named        [start, end] of its event, the zone taken by its name from the tz database
    described    the same, the zone taken from the file's own VTIMEZONE
    occurrences  the same as recurring_ical_events finds it
    text         the values of SUMMARY, DESCRIPTION and LOCATION, and the CN of ATTENDEE, where they are
"""

import datetime
import json
import sys

import icalendar
import recurring_ical_events

UTC = datetime.timezone.utc


def instant(time):
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def described(time, calendar):
    """The instant of a time by the file's own description of its zone."""
    zones = {zone["TZID"]: zone for zone in calendar.walk("VTIMEZONE")}
    zone = zones.get(time.params.get("TZID"))
    if zone is None:
        return instant(time.dt)
    return instant(time.dt.replace(tzinfo=zone.to_tz(lookup_tzid=False)))


def read(calendar):
    [event] = calendar.walk("VEVENT")
    times = [event["DTSTART"], event["DTEND"]]
    start = times[0].dt.astimezone(UTC)
    day = datetime.timedelta(days=1)
    found = recurring_ical_events.of(calendar).between(start - day, start + day)
    text = {name: str(event[name]) for name in ("SUMMARY", "DESCRIPTION", "LOCATION") if name in event}
    if "ATTENDEE" in event:
        text["CN"] = event["ATTENDEE"].params.get("CN")
    return {
        "components": [part.name for part in calendar.subcomponents],
        "named": [instant(time.dt) for time in times],
        "described": [described(time, calendar) for time in times],
        "occurrences": [[instant(one["DTSTART"].dt), instant(one["DTEND"].dt)] for one in found],
        "text": text,
    }


with open(sys.argv[1], encoding="utf-8", newline="") as file:
    print(json.dumps([read(calendar) for calendar in icalendar.Calendar.from_ical(file.read(), multiple=True)]))
