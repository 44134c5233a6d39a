use super::*;

const WINDOW: (&str, &str) = ("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z");

fn calendar(zone: &str, events: &[&str]) -> String {
    let events = events.join("\nEND:VEVENT\nBEGIN:VEVENT\n");
    format!("BEGIN:VCALENDAR\nX-WR-TIMEZONE:{zone}\nBEGIN:VEVENT\n{events}\nEND:VEVENT\nEND:VCALENDAR\n")
}

fn instants((from, to): (&str, &str)) -> (DateTime<Utc>, DateTime<Utc>) {
    (from.parse().unwrap(), to.parse().unwrap())
}

/// Start and end of what one event gives in a window, and why it is refused.
fn read_one(zone: &str, event: &str, window: (&str, &str), weeks: i64) -> (Vec<String>, Vec<String>) {
    let mut file = read(&calendar(zone, &[event]), Zone::UTC).unwrap();
    let found = file.occurrences(instants(window), weeks);
    let time = |time: DateTime<Utc>| time.format("%m-%d %H:%M").to_string();
    (
        found.iter().map(|one| format!("{} - {}", time(one.start), time(one.end))).collect(),
        file.refused.iter().map(ToString::to_string).collect(),
    )
}

fn occurrences(zone: &str, event: &str) -> Vec<String> {
    let (found, refused) = read_one(zone, event, WINDOW, 0);
    assert_eq!(refused, [""; 0]);
    found
}

#[test]
fn an_end_keeps_the_exact_length_over_a_clock_change_and_a_duration_of_days_the_clock() {
    let night = |length: &str| {
        format!("DTSTART;TZID=Europe/London:20261023T220000\n{length}\nRRULE:FREQ=DAILY;COUNT=3")
    };
    assert_eq!(
        occurrences("UTC", &night("DTEND;TZID=Europe/London:20261024T060000")),
        ["10-23 21:00 - 10-24 05:00", "10-24 21:00 - 10-25 05:00", "10-25 22:00 - 10-26 06:00"]
    );
    assert_eq!(
        occurrences("UTC", &night("DURATION:P1D")),
        ["10-23 21:00 - 10-24 21:00", "10-24 21:00 - 10-25 22:00", "10-25 22:00 - 10-26 22:00"]
    );
}

#[test]
fn a_time_that_is_left_out_is_read_by_the_offset_before_and_a_repeated_one_is_the_first() {
    let at = |zone: &str, time: &str| occurrences("UTC", &format!("DTSTART;TZID={zone}:{time}"));
    assert_eq!(at("Europe/London", "20260329T013000"), ["03-29 01:30 - 03-29 01:30"]);
    assert_eq!(at("Europe/London", "20261025T013000"), ["10-25 00:30 - 10-25 00:30"]);
    // Half an hour is left out.
    assert_eq!(at("Australia/Lord_Howe", "20261004T021500"), ["10-03 15:45 - 10-03 15:45"]);
}

#[test]
fn zones_are_known_by_the_names_that_windows_and_outlook_give_them() {
    for zone in [
        "America/New_York",
        "Eastern Standard Time",
        "\"(UTC-05:00) Eastern Time (US & Canada)\"",
        "US/Eastern",
    ] {
        let event = format!("DTSTART;TZID={zone}:20260706T090000\nDURATION:PT1H");
        assert_eq!(occurrences("UTC", &event), ["07-06 13:00 - 07-06 14:00"], "{zone}");
    }
}

#[test]
fn a_rule_may_end_at_an_instant_and_includes_it() {
    let until = |until: &str| {
        let rule = format!("RRULE:FREQ=DAILY;UNTIL={until}");
        occurrences("UTC", &format!("DTSTART;TZID=Asia/Tokyo:20260105T080000\n{rule}")).len()
    };
    // 08:00 in Tokyo is 23:00 of the day before in UTC.
    assert_eq!((until("20260106T230000Z"), until("20260106T225959Z")), (3, 2));
    assert_eq!((until("20260107T080000"), until("20260107")), (3, 3));
}

#[test]
fn a_move_keeps_weekday_and_local_time_over_a_clock_change() {
    let text = calendar(
        "America/Los_Angeles",
        &[
            "DTSTART:20220705T160000Z\nDTEND:20220705T170000Z",
            "DTSTART;VALUE=DATE:20220708\nDTEND;VALUE=DATE:20220710",
            "DTSTART;TZID=Europe/Berlin:20220706T100000\nDURATION:PT30M",
            "DTSTART:20220401T160000Z\nDTEND:20220401T170000Z\nSTATUS:CANCELLED",
        ],
    );
    let mut file = read(&text, Zone::UTC).unwrap();
    // A Sunday, and in Los Angeles still the week of the 4th.
    let weeks = file.weeks_until("2027-01-11T05:00:00Z".parse().unwrap());
    let moved = file.occurrences(instants(("2027-01-04T00:00:00Z", "2027-01-20T00:00:00Z")), weeks);
    let moved: Vec<String> = moved.iter().map(|one| format!("{} {}", one.start, one.end)).collect();
    assert_eq!(
        moved,
        [
            "2027-01-05 17:00:00 UTC 2027-01-05 18:00:00 UTC",
            "2027-01-08 00:00:00 UTC 2027-01-10 00:00:00 UTC",
            "2027-01-06 09:00:00 UTC 2027-01-06 09:30:00 UTC",
        ]
    );
}

#[test]
fn a_rule_without_an_end_is_run_as_far_as_the_window() {
    let daily = "DTSTART:20200101T120000Z\nRRULE:FREQ=DAILY";
    let (found, _) = read_one("UTC", daily, ("2026-03-01T00:00:00Z", "2026-03-04T00:00:00Z"), 0);
    assert_eq!(
        found,
        ["03-01 12:00 - 03-01 12:00", "03-02 12:00 - 03-02 12:00", "03-03 12:00 - 03-03 12:00"]
    );
    let (found, refused) = read_one("UTC", daily, ("2019-01-01T00:00:00Z", "2019-06-01T00:00:00Z"), 0);
    assert_eq!((found.len(), refused.len()), (0, 0));
}

#[test]
fn what_cannot_be_read_is_refused_by_name() {
    let start = "DTSTART:20260105T090000Z";
    let cases = [
        ("SUMMARY:x".to_owned(), "it has no DTSTART"),
        ("DTSTART;TZID=\"Europe/Paris:20260105T090000\"".to_owned(), "its DTSTART is empty"),
        ("DTSTART:soon".to_owned(), "its DTSTART cannot be read"),
        ("DTSTART:20260230T090000Z".to_owned(), "a date in it does not exist"),
        (
            "DTSTART;TZID=Customized Time Zone:20260105T090000".to_owned(),
            "its zone \"Customized Time Zone\" is unknown",
        ),
        (format!("{start}\nDTEND:20260105T080000Z"), "it ends before it begins"),
        (format!("{start}\nDURATION:long"), "its DURATION cannot be read"),
        (
            format!("{start}\nDTEND;VALUE=DATE:20260106"),
            "one of DTSTART and DTEND is a date and the other a time",
        ),
        (
            "DTSTART;VALUE=DATE:20260105\nDTEND;VALUE=DATE:20260105".to_owned(),
            "it is of whole days, but not of one or more",
        ),
        (
            "DTSTART;VALUE=DATE:20260105\nDURATION:PT36H".to_owned(),
            "it is of whole days, but not of one or more",
        ),
        (format!("{start}\nRRULE:FREQ=NEVER"), "its RRULE cannot be read"),
        (format!("{start}\nRRULE:FREQ=DAILY;RSCALE=HEBREW"), "its RRULE cannot be read"),
        (format!("{start}\nRRULE:FREQ=DAILY;UNTIL=20251231T090000Z"), "its RRULE ends before it begins"),
        (format!("{start}\nRRULE:FREQ=SECONDLY"), "its RRULE gives more than 100000 occurrences"),
        (format!("{start}\nEXDATE:then"), "its EXDATE cannot be read"),
        (format!("{start}\nRDATE:then"), "its RDATE cannot be read"),
        (format!("{start}\nEXRULE:FREQ=DAILY"), "EXRULE is not simulated"),
        (
            format!("{start}\nRECURRENCE-ID;RANGE=THISANDFUTURE:20260105T090000Z"),
            "RECURRENCE-ID with RANGE is not simulated",
        ),
    ];
    for (event, reason) in cases {
        let (found, refused) = read_one("UTC", &format!("SUMMARY:Lunch\n{event}"), WINDOW, 0);
        assert_eq!(refused, [format!("VEVENT 1 \"Lunch\": {reason}")], "{event}");
        assert_eq!(found, [""; 0], "{event}");
    }
}

#[test]
fn what_is_no_event_is_named_and_an_unknown_zone_of_the_calendar_too() {
    let text = "BEGIN:VCALENDAR\nX-WR-TIMEZONE:Mars/Olympus\nBEGIN:VTODO\nSUMMARY:Taxes\nBEGIN:VALARM\n\
                END:VALARM\nEND:VTODO\nEND:VCALENDAR\n";
    let file = read(text, "Europe/Paris".parse().unwrap()).unwrap();
    let refused: Vec<String> = file.refused.iter().map(ToString::to_string).collect();
    assert_eq!(
        refused,
        [
            "X-WR-TIMEZONE: there is no zone \"Mars/Olympus\"; the calendar's is Europe/Paris",
            "VTODO 1 \"Taxes\": only events are loaded"
        ]
    );
    assert_eq!(file.zone, "Europe/Paris".parse().unwrap());
}

#[test]
fn other_files_are_no_calendars() {
    for text in ["", "Dear Ada,\n", "BEGIN:VCARD\nVERSION:4.0\nFN:Ada\nEND:VCARD\n"] {
        assert_eq!(read(text, Zone::UTC).err(), Some(NotACalendar::Missing), "{text:?}");
    }
    let whole = calendar("UTC", &["DTSTART:20260105T090000Z"]);
    let (cut, _) = whole.split_once("END:VEVENT").unwrap();
    assert_eq!(read(cut, Zone::UTC).err(), Some(NotACalendar::CutOff));
}
