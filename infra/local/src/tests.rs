use std::sync::atomic::{AtomicI64, Ordering};

use holdfast::bus::SYNC_DUE;
use holdfast::events::Event;

use super::*;

/// In memory, on any port, at a Monday morning that stands still.
pub(crate) fn options() -> Options {
    let now = chrono::DateTime::parse_from_rfc3339("2026-11-23T06:00:00Z").unwrap().timestamp_millis();
    let clock = Clock::manual(Arc::new(AtomicI64::new(now)));
    Options { port: 0, clock, schedules: false, ..Options::default() }
}

pub(crate) fn http() -> reqwest::Client {
    rustls::crypto::ring::default_provider().install_default().ok();
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("holdfast-local-{name}-{}", std::process::id()));
        std::fs::remove_dir_all(&folder).ok();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

async fn intro_slots(local: &Local) -> usize {
    let path =
        "/v1/tenants/demo/event-types/intro/slots?from=2026-11-24&to=2026-11-25&time_zone=Europe/London";
    let answer = http().get(format!("{}{path}", local.url())).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let answer: Value = answer.json().await.unwrap();
    let days = answer["days"].as_array().unwrap();
    days.iter().map(|day| day["slots"].as_array().unwrap().len()).sum()
}

#[tokio::test]
async fn two_of_them_run_side_by_side_and_stop_when_dropped() {
    let (one, two) = tokio::join!(Local::start(options()), Local::start(options()));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_ne!(one.url(), two.url());
    assert!(intro_slots(&one).await > 0);
    let health = format!("{}/v1/health", two.url());
    assert_eq!(http().get(&health).send().await.unwrap().status(), 200);
    drop(two);
    // The task that listens ends at its next turn.
    tokio::task::yield_now().await;
    assert!(http().get(&health).send().await.is_err());
    assert!(intro_slots(&one).await > 0);
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let first = Local::start(options()).await.unwrap();
    let port = first.url().rsplit(':').next().unwrap().parse().unwrap();
    let second = Local::start(Options { port, ..options() }).await;
    assert!(second.unwrap_err().to_string().starts_with(&format!("port {port} is taken")));
}

#[tokio::test]
async fn what_is_ready_is_told_as_json() {
    let local = Local::start(options()).await.unwrap();
    let ready: Value = serde_json::from_str(&local.ready()).unwrap();
    assert_eq!(ready["api"], local.url());
    assert_eq!(ready["event_types"], json!(["intro", "deep-dive", "office-hours"]));
    assert_eq!(ready["hosts"], json!(["hst_ada1", "hst_grace1"]));
    let path = format!("{}/v1/integrations", local.url());
    let answer = http().get(path).bearer_auth(ready["admin_token"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn a_second_run_in_a_folder_finds_what_the_first_left_and_seeds_nothing() {
    let folder = Folder::new("second-run");
    let kept = || Options { data: Some(folder.0.clone()), ..options() };
    let first = Local::start(kept()).await.unwrap();
    let token = first.admin_token(DEMO_TENANT);
    let (issuer, kms) = (first.issuer.clone().unwrap(), first.kms.key_id().to_owned());
    let google = first.google.as_ref().unwrap();
    let events = google.events("ada@example.com", "ada@example.com");
    let removed = events[0]["id"].as_str().unwrap();
    google.remove_event("ada@example.com", "ada@example.com", removed);
    let tenant = DEMO_TENANT.parse().unwrap();
    let mut settings = first.app.store.tenant(&tenant).await.unwrap().unwrap();
    "Renamed".clone_into(&mut settings.name);
    first.app.store.put_tenant(&tenant, &settings).await.unwrap();
    drop(first);

    let second = Local::start(kept()).await.unwrap();
    assert!(Authorizer::own(&issuer).verify(&token).await.is_some());
    assert_eq!(second.kms.key_id(), kms);
    let google = second.google.as_ref().unwrap();
    assert_eq!(google.events("ada@example.com", "ada@example.com").len(), events.len() - 1);
    let items = second.dynamodb.dump().await.unwrap();
    assert!(items.iter().any(|item| item["name"]["S"] == "Renamed"), "{items:?}");
}

#[tokio::test]
async fn a_folder_of_another_version_is_refused_and_left_alone() {
    let folder = Folder::new("other-version");
    let kept = || Options { data: Some(folder.0.clone()), ..options() };
    drop(Local::start(kept()).await.unwrap());
    let shape = folder.0.join("shape");
    // Version 1 wrote none.
    std::fs::remove_file(&shape).unwrap();
    for other in [None, Some("2\n")] {
        if let Some(text) = other {
            std::fs::write(&shape, text).unwrap();
        }
        let refused = Local::start(kept()).await.unwrap_err().to_string();
        let name = folder.0.display();
        assert_eq!(
            refused,
            format!(
                "{name} was written by another version of Holdfast, whose data this one does not read: remove it, or \
                 name another directory with --data"
            )
        );
        assert_eq!(std::fs::read_to_string(&shape).ok().as_deref(), other);
    }
    std::fs::write(&shape, "3").unwrap();
    Local::start(kept()).await.unwrap();
}

#[tokio::test]
async fn events_go_by_the_rules_of_the_template() {
    let local = Local::start(options()).await.unwrap();
    let event = |detail_type: &str, detail: Value| Event {
        detail_type: detail_type.to_owned(),
        detail: detail.to_string(),
    };
    let nobody = json!({ "kind": "booking", "tenant": "demo", "booking": "bkg_0000" });
    let events = [
        event(SYNC_DUE, nobody.clone()),
        event("booking.confirmed", nobody.clone()),
        event("integration.connected", nobody),
    ];
    local.app.bus.publish(&events).await.unwrap();
    let waiting = local.events.take("SyncQueue");
    // What happened is for others: only what is due goes to `sync`.
    assert_eq!(waiting.iter().map(|event| &event["detail-type"]).collect::<Vec<_>>(), ["sync.due"]);
    local.drain().await;
    assert_eq!(local.dead_letters(), <[Value; 0]>::default());
}

#[tokio::test]
async fn work_that_keeps_failing_is_delivered_five_times_and_kept_as_dead() {
    let local = Local::start(options()).await.unwrap();
    let detail = json!({ "kind": "booking", "tenant": "demo", "booking": "bkg_0000" });
    let event = Event { detail_type: SYNC_DUE.to_owned(), detail: detail.to_string() };
    local.app.bus.publish(&[event]).await.unwrap();
    local.dynamodb.faults.take_calls();
    let refusal = json!({ "__type": "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException" });
    local.dynamodb.faults.always("GetItem", fakes::Fault::json(400, &refusal));
    local.drain().await;
    let dead = local.dead_letters();
    assert_eq!(dead.iter().map(|event| &event["detail"]).collect::<Vec<_>>(), [&detail]);
    assert_eq!(local.dynamodb.faults.calls().len(), 5);
}

#[tokio::test]
async fn a_tick_runs_sync_dispatch_over_every_shard() {
    let local = Local::start(options()).await.unwrap();
    local.dynamodb.faults.take_calls();
    local.tick().await;
    let queries = local.dynamodb.faults.calls();
    assert_eq!(queries.len(), usize::from(holdfast::store::DUE_SHARDS));
    assert!(queries.iter().all(|call| call.op == "Query" && call.detail == "holdfast/due"), "{queries:?}");
}

#[tokio::test]
async fn another_process_at_the_same_table_has_its_own_clock() {
    let local = Local::start(options()).await.unwrap();
    let hand = Arc::new(AtomicI64::new(0));
    let other = local.app_with(Clock::manual(Arc::clone(&hand)));
    hand.store(60_000, Ordering::Relaxed);
    assert_eq!(other.clock.now().timestamp(), 60);
    assert!(other.store.tenant(&DEMO_TENANT.parse().unwrap()).await.unwrap().is_some());
}

#[tokio::test]
async fn settings_win_over_defaults_but_never_point_at_a_real_account() {
    let settings =
        [("HOLDFAST_HOLD_SECONDS", "60"), ("AWS_ACCESS_KEY_ID", "AKIAREAL"), ("HOLDFAST_TABLE", "theirs")];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let local = Local::start(Options { settings, ..options() }).await.unwrap();
    let config = &local.app.config;
    assert_eq!((config.hold_seconds, config.table.as_str()), (60, "holdfast"));
    assert_eq!(config.aws.access_key_id, "local");
}

#[tokio::test]
async fn with_a_google_client_of_ones_own_the_real_google_is_used() {
    let settings = [("HOLDFAST_GOOGLE_CLIENT_ID", "mine"), ("HOLDFAST_GOOGLE_CLIENT_SECRET", "hush")];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let local = Local::start(Options { settings, ..options() }).await.unwrap();
    assert!(local.google.is_none());
    let google = local.app.config.google.as_ref().unwrap();
    assert_eq!((google.client_id.as_str(), &google.api_url), ("mine", &None));
}

#[tokio::test]
async fn a_calendar_file_takes_the_place_of_the_demo_events_and_does_not_double() {
    let folder = Folder::new("calendar");
    let file = folder.0.join("exported.ics");
    std::fs::create_dir_all(&folder.0).unwrap();
    let event = "BEGIN:VEVENT\nUID:1\nSUMMARY:Piano\nDTSTART;TZID=Europe/London:20190704T100000\n\
                 DTEND;TZID=Europe/London:20190704T110000\nRRULE:FREQ=WEEKLY;COUNT=10\nEND:VEVENT\n";
    std::fs::write(&file, format!("BEGIN:VCALENDAR\n{event}END:VCALENDAR\n")).unwrap();
    let kept = |path: &Path, shift: bool| {
        let calendar = Some(CalendarFile { path: path.to_owned(), shift });
        Options { data: Some(folder.0.clone()), calendar, ..options() }
    };
    for _ in 0..2 {
        let local = Local::start(kept(&file, true)).await.unwrap();
        assert_eq!(local.imported.as_ref().unwrap().to_string(), "10 events");
        let events = local.google.as_ref().unwrap().events("ada@example.com", "ada@example.com");
        let starts: Vec<_> =
            events.iter().map(|event| event["start"]["dateTime"].as_str().unwrap()).collect();
        assert_eq!(starts.len(), 10);
        // The clock stands at Monday 2026-11-23, and the file's first event was on a Thursday.
        assert_eq!((starts[0], starts[9]), ("2026-11-26T10:00:00Z", "2027-01-28T10:00:00Z"));
    }
    let unshifted = Local::start(kept(&file, false)).await.unwrap();
    assert_eq!(unshifted.imported.as_ref().unwrap().to_string(), "0 events");
    drop(unshifted);

    // A file's zone goes with it.
    let floating = "BEGIN:VEVENT\nDTSTART:20261201T090000\nEND:VEVENT\n";
    for (zone, start) in
        [("X-WR-TIMEZONE:Asia/Tokyo\n", "2026-12-01T09:00:00+09:00"), ("", "2026-12-01T09:00:00Z")]
    {
        std::fs::write(&file, format!("BEGIN:VCALENDAR\n{zone}{floating}END:VCALENDAR\n")).unwrap();
        let local = Local::start(kept(&file, false)).await.unwrap();
        let events = local.google.as_ref().unwrap().events("ada@example.com", "ada@example.com");
        let starts: Vec<_> =
            events.iter().map(|event| event["start"]["dateTime"].as_str().unwrap()).collect();
        assert_eq!(starts, [start]);
    }

    let missing = Local::start(kept(&folder.0.join("missing.ics"), false)).await.unwrap_err().to_string();
    assert!(missing.starts_with("cannot read the calendar") && missing.contains("missing.ics"), "{missing}");
    std::fs::write(&file, "not a calendar").unwrap();
    let other = Local::start(kept(&file, false)).await.unwrap_err().to_string();
    assert!(other.ends_with("it is not an iCalendar file"), "{other}");
}

#[tokio::test]
async fn no_calendar_file_is_loaded_into_the_real_google() {
    let settings = [("HOLDFAST_GOOGLE_CLIENT_ID", "mine"), ("HOLDFAST_GOOGLE_CLIENT_SECRET", "hush")];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let calendar = Some(CalendarFile { path: PathBuf::from("any.ics"), shift: false });
    let refused = Local::start(Options { calendar, settings, ..options() }).await.unwrap_err();
    assert!(matches!(refused, StartError::Calendar(CalendarError::NotSimulated)), "{refused}");
}

#[test]
fn every_setting_that_may_be_chosen_is_in_the_example() {
    let example = include_str!("../../../.env.example");
    let missing: Vec<_> = holdfast::config::CHOSEN
        .iter()
        .filter(|name| !example.lines().any(|line| line.starts_with(&format!("#{name}="))))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}
