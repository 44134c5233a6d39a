#!/usr/bin/env python3
"""What `icalendar` reads in a file of iCalendar objects, one after another: the answer that ours is compared with.

    read_ics.py FILE.ics

prints a JSON list with one object for each VCALENDAR:

    components   the names of what is in it, in order
    times        [start, end] of its event
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
        "times": [instant(time.dt) for time in times],
        "occurrences": [[instant(one["DTSTART"].dt), instant(one["DTEND"].dt)] for one in found],
        "text": text,
    }


with open(sys.argv[1], encoding="utf-8", newline="") as file:
    print(json.dumps([read(calendar) for calendar in icalendar.Calendar.from_ical(file.read(), multiple=True)]))
