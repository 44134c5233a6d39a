//! Slots on the guest's calendar and clock, wherever the clocks are changed. The expected times are written by
//! hand, from the zones' published rules.

use serde_json::Value;
use tests::TestApp;

const HOST: &str = "hst_zoe1";
const SLUG: &str = "chat";

/// A host who has these hours in this zone every day, booked by half an hour, two years ahead.
async fn open(zone: &str, hours: &[(&str, &str)]) -> TestApp {
    let app = TestApp::without_stream().await;
    app.put_daily_host(HOST, zone, hours).await;
    app.put_event_type(SLUG, HOST, &[30], 30, 730).await;
    app
}

/// The slots from one local date up to another, as `start end`; a day begins with its date.
async fn listed(app: &TestApp, from: &str, to: &str, zone: &str) -> Vec<String> {
    let listing = app.listing(SLUG, from, to, zone).await;
    assert_eq!(listing.expect(200)["time_zone"], zone);
    let mut lines = Vec::new();
    for day in listing.body["days"].as_array().unwrap() {
        lines.push(day["date"].as_str().unwrap().to_owned());
        let text = |slot: &Value, edge: &str| slot[edge].as_str().unwrap().to_owned();
        let slots = day["slots"].as_array().unwrap().iter();
        lines.extend(slots.map(|slot| format!("{} {}", text(slot, "start"), text(slot, "end"))));
    }
    lines
}

#[tokio::test]
async fn london_loses_an_hour_in_march() {
    let app = open("Europe/London", &[("00:00", "03:00")]).await;
    assert_eq!(
        listed(&app, "2027-03-28", "2027-03-29", "Europe/London").await,
        [
            "2027-03-28",
            "2027-03-28T00:00:00+00:00 2027-03-28T00:30:00+00:00",
            "2027-03-28T00:30:00+00:00 2027-03-28T02:00:00+01:00",
            "2027-03-28T02:00:00+01:00 2027-03-28T02:30:00+01:00",
            "2027-03-28T02:30:00+01:00 2027-03-28T03:00:00+01:00",
        ]
    );
    // The date has 23 hours: it begins at midnight in UTC and ends an hour before.
    assert_eq!(
        listed(&app, "2027-03-28", "2027-03-30", "UTC").await,
        [
            "2027-03-28",
            "2027-03-28T00:00:00+00:00 2027-03-28T00:30:00+00:00",
            "2027-03-28T00:30:00+00:00 2027-03-28T01:00:00+00:00",
            "2027-03-28T01:00:00+00:00 2027-03-28T01:30:00+00:00",
            "2027-03-28T01:30:00+00:00 2027-03-28T02:00:00+00:00",
            "2027-03-28T23:00:00+00:00 2027-03-28T23:30:00+00:00",
            "2027-03-28T23:30:00+00:00 2027-03-29T00:00:00+00:00",
            "2027-03-29",
            "2027-03-29T00:00:00+00:00 2027-03-29T00:30:00+00:00",
            "2027-03-29T00:30:00+00:00 2027-03-29T01:00:00+00:00",
            "2027-03-29T01:00:00+00:00 2027-03-29T01:30:00+00:00",
            "2027-03-29T01:30:00+00:00 2027-03-29T02:00:00+00:00",
            "2027-03-29T23:00:00+00:00 2027-03-29T23:30:00+00:00",
            "2027-03-29T23:30:00+00:00 2027-03-30T00:00:00+00:00",
        ]
    );
}

#[tokio::test]
async fn london_has_an_hour_twice_in_october() {
    let app = open("Europe/London", &[("00:30", "02:30")]).await;
    assert_eq!(
        listed(&app, "2027-10-31", "2027-11-01", "Europe/London").await,
        [
            "2027-10-31",
            "2027-10-31T00:30:00+01:00 2027-10-31T01:00:00+01:00",
            "2027-10-31T01:00:00+01:00 2027-10-31T01:30:00+01:00",
            "2027-10-31T01:30:00+01:00 2027-10-31T01:00:00+00:00",
            "2027-10-31T01:00:00+00:00 2027-10-31T01:30:00+00:00",
            "2027-10-31T01:30:00+00:00 2027-10-31T02:00:00+00:00",
            "2027-10-31T02:00:00+00:00 2027-10-31T02:30:00+00:00",
        ]
    );
    // Half past one comes twice, and each is a slot of its own.
    app.hold(SLUG, "2027-10-31T01:30:00+01:00").await.expect(201);
    app.hold(SLUG, "2027-10-31T00:30:00Z").await.expect_problem(409, "slot-taken");
    app.hold(SLUG, "2027-10-31T01:30:00+00:00").await.expect(201);
    let left = listed(&app, "2027-10-31", "2027-11-01", "Europe/London").await;
    assert_eq!(left.iter().filter(|line| line.contains("T01:30:00+01:00 ")).count(), 0, "{left:?}");
    assert_eq!(left.len(), 5);
}

#[tokio::test]
async fn a_working_day_stays_on_the_hosts_clock_through_both_changes() {
    let app = open("Europe/London", &[("16:30", "17:00")]).await;
    let new_york = [
        // Both on winter time; then New York has changed and London has not; then both.
        ("2027-03-12", "2027-03-12T11:30:00-05:00 2027-03-12T12:00:00-05:00"),
        ("2027-03-15", "2027-03-15T12:30:00-04:00 2027-03-15T13:00:00-04:00"),
        ("2027-03-29", "2027-03-29T11:30:00-04:00 2027-03-29T12:00:00-04:00"),
        // In autumn London goes first.
        ("2027-10-29", "2027-10-29T11:30:00-04:00 2027-10-29T12:00:00-04:00"),
        ("2027-11-01", "2027-11-01T12:30:00-04:00 2027-11-01T13:00:00-04:00"),
        ("2027-11-08", "2027-11-08T11:30:00-05:00 2027-11-08T12:00:00-05:00"),
    ];
    for (date, slot) in new_york {
        let next = date.parse::<chrono::NaiveDate>().unwrap().succ_opt().unwrap().to_string();
        assert_eq!(listed(&app, date, &next, "America/New_York").await, [date, slot]);
    }
}

#[tokio::test]
async fn new_york_changes_at_two() {
    let app = open("America/New_York", &[("01:30", "03:30")]).await;
    assert_eq!(
        listed(&app, "2027-03-14", "2027-03-15", "America/New_York").await,
        [
            "2027-03-14",
            "2027-03-14T01:30:00-05:00 2027-03-14T03:00:00-04:00",
            "2027-03-14T03:00:00-04:00 2027-03-14T03:30:00-04:00",
        ]
    );
    assert_eq!(
        listed(&app, "2027-11-07", "2027-11-08", "America/New_York").await,
        [
            "2027-11-07",
            "2027-11-07T01:30:00-04:00 2027-11-07T01:00:00-05:00",
            "2027-11-07T01:30:00-05:00 2027-11-07T02:00:00-05:00",
            "2027-11-07T02:00:00-05:00 2027-11-07T02:30:00-05:00",
            "2027-11-07T02:30:00-05:00 2027-11-07T03:00:00-05:00",
            "2027-11-07T03:00:00-05:00 2027-11-07T03:30:00-05:00",
        ]
    );
}

#[tokio::test]
async fn lord_howe_moves_by_half_an_hour() {
    let app = open("Australia/Lord_Howe", &[("01:00", "03:00")]).await;
    // From two back to half past one.
    assert_eq!(
        listed(&app, "2027-04-04", "2027-04-05", "Australia/Lord_Howe").await,
        [
            "2027-04-04",
            "2027-04-04T01:00:00+11:00 2027-04-04T01:30:00+11:00",
            "2027-04-04T01:30:00+11:00 2027-04-04T01:30:00+10:30",
            "2027-04-04T01:30:00+10:30 2027-04-04T02:00:00+10:30",
            "2027-04-04T02:00:00+10:30 2027-04-04T02:30:00+10:30",
            "2027-04-04T02:30:00+10:30 2027-04-04T03:00:00+10:30",
        ]
    );
    // From two on to half past two.
    assert_eq!(
        listed(&app, "2027-10-03", "2027-10-04", "Australia/Lord_Howe").await,
        [
            "2027-10-03",
            "2027-10-03T01:00:00+10:30 2027-10-03T01:30:00+10:30",
            "2027-10-03T01:30:00+10:30 2027-10-03T02:30:00+11:00",
            "2027-10-03T02:30:00+11:00 2027-10-03T03:00:00+11:00",
        ]
    );
}

#[tokio::test]
async fn cairo_has_a_date_without_midnight_and_one_with_two_last_hours() {
    let app = open("Africa/Cairo", &[("00:00", "02:00"), ("23:00", "24:00")]).await;
    // The last Friday of April begins at one.
    assert_eq!(
        listed(&app, "2027-04-30", "2027-05-01", "Africa/Cairo").await,
        [
            "2027-04-30",
            "2027-04-30T01:00:00+03:00 2027-04-30T01:30:00+03:00",
            "2027-04-30T01:30:00+03:00 2027-04-30T02:00:00+03:00",
            "2027-04-30T23:00:00+03:00 2027-04-30T23:30:00+03:00",
            "2027-04-30T23:30:00+03:00 2027-05-01T00:00:00+03:00",
        ]
    );
    // The last Thursday of October goes from midnight back to eleven.
    assert_eq!(
        listed(&app, "2027-10-28", "2027-10-29", "Africa/Cairo").await,
        [
            "2027-10-28",
            "2027-10-28T00:00:00+03:00 2027-10-28T00:30:00+03:00",
            "2027-10-28T00:30:00+03:00 2027-10-28T01:00:00+03:00",
            "2027-10-28T01:00:00+03:00 2027-10-28T01:30:00+03:00",
            "2027-10-28T01:30:00+03:00 2027-10-28T02:00:00+03:00",
            "2027-10-28T23:00:00+03:00 2027-10-28T23:30:00+03:00",
            "2027-10-28T23:30:00+03:00 2027-10-28T23:00:00+02:00",
            "2027-10-28T23:00:00+02:00 2027-10-28T23:30:00+02:00",
            "2027-10-28T23:30:00+02:00 2027-10-29T00:00:00+02:00",
        ]
    );
}

#[tokio::test]
async fn dates_are_those_of_the_guest() {
    // Ten to half past eleven in London: in Apia the last hour of that date, and the first half hour of the next.
    let app = open("Europe/London", &[("10:00", "11:30")]).await;
    let (last, last_half) = (
        "2027-01-11T23:00:00+13:00 2027-01-11T23:30:00+13:00",
        "2027-01-11T23:30:00+13:00 2027-01-12T00:00:00+13:00",
    );
    assert_eq!(
        listed(&app, "2027-01-11", "2027-01-12", "Pacific/Apia").await,
        ["2027-01-11", "2027-01-11T00:00:00+13:00 2027-01-11T00:30:00+13:00", last, last_half]
    );
    assert_eq!(
        listed(&app, "2027-01-12", "2027-01-13", "Pacific/Apia").await[..2],
        ["2027-01-12", "2027-01-12T00:00:00+13:00 2027-01-12T00:30:00+13:00"]
    );
    // Across the line, in Pago Pago, the same slots are a day earlier.
    assert_eq!(
        listed(&app, "2027-01-10", "2027-01-11", "Pacific/Pago_Pago").await,
        [
            "2027-01-10",
            "2027-01-10T00:00:00-11:00 2027-01-10T00:30:00-11:00",
            "2027-01-10T23:00:00-11:00 2027-01-10T23:30:00-11:00",
            "2027-01-10T23:30:00-11:00 2027-01-11T00:00:00-11:00",
        ]
    );
}

#[tokio::test]
async fn offsets_with_half_hours_and_zones_without_changes() {
    let app = open("Asia/Kolkata", &[("09:15", "10:15")]).await;
    for date in ["2027-03-28", "2027-10-31"] {
        let expected = |slots: &[&str]| {
            let slots = slots.iter().map(|slot| slot.replace("DATE", date));
            std::iter::once(date.to_owned()).chain(slots).collect::<Vec<_>>()
        };
        let next = date.parse::<chrono::NaiveDate>().unwrap().succ_opt().unwrap().to_string();
        assert_eq!(
            listed(&app, date, &next, "Asia/Kolkata").await,
            expected(
                &["DATET09:15:00+05:30 DATET09:45:00+05:30", "DATET09:45:00+05:30 DATET10:15:00+05:30",]
            )
        );
        assert_eq!(
            listed(&app, date, &next, "America/Sao_Paulo").await,
            expected(
                &["DATET00:45:00-03:00 DATET01:15:00-03:00", "DATET01:15:00-03:00 DATET01:45:00-03:00",]
            )
        );
        assert_eq!(
            listed(&app, date, &next, "Asia/Kathmandu").await,
            expected(
                &["DATET09:30:00+05:45 DATET10:00:00+05:45", "DATET10:00:00+05:45 DATET10:30:00+05:45",]
            )
        );
    }
}

#[tokio::test]
async fn sao_paulo_has_summer_time_no_more() {
    let app = open("America/Sao_Paulo", &[("00:00", "01:00")]).await;
    // Until 2018 the clocks went on at midnight of the first Sunday in November.
    assert_eq!(
        listed(&app, "2027-11-07", "2027-11-08", "America/Sao_Paulo").await,
        [
            "2027-11-07",
            "2027-11-07T00:00:00-03:00 2027-11-07T00:30:00-03:00",
            "2027-11-07T00:30:00-03:00 2027-11-07T01:00:00-03:00",
        ]
    );
}

#[tokio::test]
async fn vancouver_has_winter_time_no_more() {
    let app = open("America/Vancouver", &[("09:00", "10:00")]).await;
    // British Columbia stays on UTC-7 since March 2026: nine o'clock in December is no longer 17:00Z.
    assert_eq!(
        listed(&app, "2026-12-07", "2026-12-08", "UTC").await,
        [
            "2026-12-07",
            "2026-12-07T16:00:00+00:00 2026-12-07T16:30:00+00:00",
            "2026-12-07T16:30:00+00:00 2026-12-07T17:00:00+00:00",
        ]
    );
    assert_eq!(
        listed(&app, "2026-12-07", "2026-12-08", "America/Vancouver").await,
        [
            "2026-12-07",
            "2026-12-07T09:00:00-07:00 2026-12-07T09:30:00-07:00",
            "2026-12-07T09:30:00-07:00 2026-12-07T10:00:00-07:00",
        ]
    );
}

#[tokio::test]
async fn the_last_date_is_not_included() {
    let app = open("UTC", &[("00:00", "00:30"), ("23:30", "24:00")]).await;
    assert_eq!(
        listed(&app, "2027-01-11", "2027-01-12", "UTC").await,
        [
            "2027-01-11",
            "2027-01-11T00:00:00+00:00 2027-01-11T00:30:00+00:00",
            "2027-01-11T23:30:00+00:00 2027-01-12T00:00:00+00:00",
        ]
    );
    let same = app.listing(SLUG, "2027-01-11", "2027-01-11", "UTC").await;
    same.expect_problem(422, "validation");
    assert_eq!(same.wrong_fields(), ["to"]);
}

#[tokio::test]
async fn a_booking_over_a_change_of_clocks_names_the_offset_of_each_end() {
    let app = open("America/Sao_Paulo", &[("00:00", "24:00")]).await;
    let booking = app
        .book(&serde_json::json!({
            "event_type": SLUG,
            "start": "2027-03-28T00:30:00Z",
            "guest": { "name": "Mary", "email": "mary@example.com", "time_zone": "Europe/London" },
        }))
        .await;
    assert_eq!(booking.expect(201)["start"], "2027-03-28T00:30:00+00:00");
    assert_eq!(booking.body["end"], "2027-03-28T02:00:00+01:00");
    assert_eq!(booking.body["time_zone"], "Europe/London");
}
