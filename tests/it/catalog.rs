//! The catalogue through the API: a business is made, looked after, and taken apart, by admins and hosts, at once.

use chrono::TimeDelta;
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use tests::{ADA, ADA_ACCOUNT, Answer, GRACE, REMEMBERED, TENANT, TestApp, guest};

const ACME: &str = "acme";

fn settings() -> Value {
    json!({ "name": "Acme", "time_zone": "America/New_York", "locale": "en" })
}

/// What makes a host, a schedule and an event type, in the least words.
async fn make(app: &TestApp, path: &str, body: Value) -> Value {
    app.admin(Method::POST, path, Some(&body)).await.expect(201).clone()
}

async fn make_host(app: &TestApp, name: &str) -> String {
    make(app, "/v1/hosts", json!({ "name": name })).await["id"].as_str().unwrap().to_owned()
}

async fn make_schedule(app: &TestApp, host: &str) -> String {
    let weekly = json!({ "sat": [{ "from": "10:00", "to": "12:00" }] });
    let body = json!({ "host": host, "name": "Saturdays", "time_zone": "UTC", "weekly": weekly });
    make(app, "/v1/schedules", body).await["id"].as_str().unwrap().to_owned()
}

async fn make_event_type(app: &TestApp, slug: &str, host: &str) -> Value {
    make(app, "/v1/event-types", json!({ "slug": slug, "host": host, "title": slug, "lengths": [30] })).await
}

async fn get(app: &TestApp, path: &str) -> Answer {
    app.admin(Method::GET, path, None).await
}

async fn patch(app: &TestApp, path: &str, body: Value) -> Answer {
    app.admin(Method::PATCH, path, Some(&body)).await
}

async fn delete(app: &TestApp, path: &str) -> Answer {
    app.admin(Method::DELETE, path, None).await
}

fn tag(answer: &Answer) -> String {
    answer.header("etag").expect("an ETag")
}

#[tokio::test]
async fn a_business_is_made_through_the_api_and_booked() {
    let app = TestApp::start().await;
    let token = app.local.admin_token(ACME);
    let act = async |method, path: &str, body: Option<Value>| {
        app.send_as(&token, method, path, body.as_ref()).await
    };
    act(Method::GET, "/v1/tenant", None).await.expect_problem(404, "unknown-tenant");
    let new_host = json!({ "name": "Wile E. Coyote", "email": "wile@acme.example" });
    act(Method::POST, "/v1/hosts", Some(new_host.clone())).await.expect_problem(404, "unknown-tenant");

    let made = act(Method::PUT, "/v1/tenant", Some(settings())).await;
    assert_eq!(
        made.expect(201),
        &json!({
            "name": "Acme", "time_zone": "America/New_York", "locale": "en", "claim": null, "cors_origins": [],
            "retention_days": null, "revision": 1,
        })
    );
    assert_eq!((tag(&made), made.header("location")), ("\"1\"".to_owned(), Some("/v1/tenant".to_owned())));
    // The same again changes nothing.
    let again = act(Method::PUT, "/v1/tenant", Some(settings())).await;
    assert_eq!((again.expect(200), tag(&again)), (made.expect(201), tag(&made)));
    let mut other = settings();
    other["retention_days"] = json!(365);
    other["cors_origins"] = json!(["https://www.acme.example", "http://localhost:3000", "*"]);
    let other = act(Method::PUT, "/v1/tenant", Some(other)).await;
    assert_eq!((other.expect(200)["retention_days"].as_u64(), tag(&other)), (Some(365), "\"2\"".to_owned()));
    // What a PUT leaves out is as if it had never been set.
    let back = act(Method::PUT, "/v1/tenant", Some(settings())).await;
    assert_eq!(back.expect(200)["retention_days"], Value::Null);
    assert_eq!(act(Method::GET, "/v1/tenant", None).await.expect(200)["revision"], 3);

    let host = act(Method::POST, "/v1/hosts", Some(new_host)).await;
    let id = host.expect(201)["id"].as_str().unwrap().to_owned();
    assert_eq!(host.header("location"), Some(format!("/v1/hosts/{id}")));
    let schedules = act(Method::GET, &format!("/v1/schedules?host={id}"), None).await;
    let first = &schedules.expect(200)["schedules"][0];
    assert_eq!(first["id"], host.body["default_schedule"]);
    assert_eq!(
        (first["time_zone"].as_str(), &first["weekly"]["sat"]),
        (Some("America/New_York"), &json!([]))
    );
    assert_eq!(first["weekly"]["fri"], json!([{ "from": "09:00", "to": "17:00" }]));

    let event_type = json!({
        "slug": "chase", "host": id, "title": "Chase", "lengths": [30, 45], "interval": 30, "notice": 60,
        "location": { "kind": "video_link", "url": "https://video.acme.example/canyon" },
        "questions": [{ "key": "anvil", "label": "How heavy?", "kind": "choice", "options": ["10 t", "20 t"] }],
    });
    let made = act(Method::POST, "/v1/event-types", Some(event_type.clone())).await;
    for (field, value) in event_type.as_object().unwrap() {
        if field != "questions" {
            assert_eq!(&made.expect(201)[field], value, "{field}");
        }
    }
    assert_eq!(made.body["questions"][0]["required"], false);
    assert_eq!(made.body["reminders"], json!([15, 60]));
    assert_eq!(act(Method::GET, "/v1/event-types/chase", None).await.expect(200), &made.body);
    act(Method::POST, "/v1/event-types", Some(event_type)).await.expect_problem(409, "slug-taken");

    let slots = format!(
        "/v1/tenants/{ACME}/event-types/chase/slots?from=2026-11-24&to=2026-11-25&time_zone=America/New_York"
    );
    let days = app.send(Method::GET, &slots, None).await.expect(200)["days"].clone();
    assert_eq!(days[0]["slots"][0]["start"], "2026-11-24T09:00:00-05:00");
    let booking = json!({
        "event_type": "chase", "start": "2026-11-24T09:00:00-05:00", "guest": guest(),
        "answers": { "anvil": "10 t" },
    });
    let booked = app.send(Method::POST, &format!("/v1/tenants/{ACME}/bookings"), Some(&booking)).await;
    booked.expect(201);

    // Closed on that day from now on: the function that lists forgets within half a minute.
    let schedule = format!("/v1/schedules/{}", first["id"].as_str().unwrap());
    let closed = json!({ "overrides": { "2026-11-24": [] } });
    act(Method::PATCH, &schedule, Some(closed)).await.expect(200);
    app.pass(REMEMBERED);
    assert_eq!(app.send(Method::GET, &slots, None).await.expect(200)["days"], json!([]));
}

#[tokio::test]
async fn of_two_who_change_the_same_revision_one_is_told() {
    let app = TestApp::without_stream().await;
    for round in 0..5 {
        for path in ["/v1/hosts/hst_ada1", "/v1/schedules/sch_ada1", "/v1/event-types/intro"] {
            let before = get(&app, path).await;
            let field = if path.contains("event-types") { "title" } else { "name" };
            // One of the two says the same as the other in the last round.
            let names = if round == 4 { ["Same", "Same"] } else { ["First", "Second"] };
            let names = names.map(|name| format!("{name} {round}"));
            let changes = names.iter().map(async |name| {
                app.admin_if(&tag(&before), Method::PATCH, path, Some(&json!({ field: name }))).await
            });
            let answers = join_all(changes).await;
            let won: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
            assert_eq!(won.len(), 1, "{path}: {answers:?}");
            let lost = answers.iter().find(|answer| answer.status != 200).unwrap();
            lost.expect_problem(412, "precondition-failed");
            assert_eq!(tag(lost), tag(won[0]), "{path}");
            assert_eq!(get(&app, path).await.body, won[0].body, "{path}");
        }
    }
    // The same of a tenant.
    let before = get(&app, "/v1/tenant").await;
    let puts = ["One", "Two"].map(async |name| {
        let mut settings = settings();
        settings["name"] = json!(name);
        app.admin_if(&tag(&before), Method::PUT, "/v1/tenant", Some(&settings)).await.status
    });
    let mut statuses = join_all(puts).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412]);
}

#[tokio::test]
async fn without_a_revision_nobody_s_change_is_lost() {
    let app = TestApp::without_stream().await;
    let changes = [json!({ "title": "New" }), json!({ "notice": 30 }), json!({ "listed": false })];
    let answers = join_all(
        changes
            .iter()
            .map(async |change| app.admin(Method::PATCH, "/v1/event-types/intro", Some(change)).await),
    )
    .await;
    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
    let after = get(&app, "/v1/event-types/intro").await.body;
    assert_eq!(
        (after["title"].as_str(), after["notice"].as_u64(), after["listed"].as_bool()),
        (Some("New"), Some(30), Some(false))
    );
    assert_eq!(after["revision"], 4);
    // A change that changes nothing is none.
    let same = patch(&app, "/v1/event-types/intro", json!({ "title": "New" })).await;
    assert_eq!((same.expect(200)["revision"].as_u64(), tag(&same)), (Some(4), "\"4\"".to_owned()));
}

#[tokio::test]
async fn what_if_match_says_is_what_the_rfc_says() {
    let app = TestApp::without_stream().await;
    let path = "/v1/event-types/intro";
    let body = json!({ "title": "Intro" });
    for (tags, status) in [
        ("*", 200),
        ("\"2\"", 200),
        ("\"7\", \"2\"", 200),
        ("W/\"2\"", 412),
        ("\"1\"", 412),
        ("\"two\"", 412),
        ("2", 400),
        ("\"2", 400),
        ("\"2\" \"3\"", 400),
        ("", 400),
    ] {
        let answer = app.admin_if(tags, Method::PATCH, path, Some(&body)).await;
        assert_eq!(answer.status, status, "{tags}: {}", answer.text);
        if status == 412 {
            assert_eq!(tag(&answer), "\"2\"", "{tags}");
        }
    }
    for path in ["/v1/hosts/hst_ada1", "/v1/schedules/sch_ada1", path] {
        let answer = app.admin_if("\"9\"", Method::DELETE, path, None).await;
        answer.expect_problem(412, "precondition-failed");
    }
    // Of a tenant that is not there, no revision is.
    let put =
        app.http().put(format!("{}/v1/tenant", app.local.url())).bearer_auth(app.local.admin_token(ACME));
    let answer = app.answered(put.header("if-match", "*").json(&settings())).await;
    answer.expect_problem(412, "precondition-failed");
    assert_eq!(answer.header("etag"), None);
    app.admin_if("\"1\"", Method::PATCH, "/v1/hosts/hst_nobody", Some(&json!({ "name": "X" })))
        .await
        .expect_problem(404, "unknown-host");
}

/// All of a list, in pages of this size, while `between` happens after each.
async fn all(
    app: &TestApp,
    path: &str,
    of: &str,
    size: usize,
    mut between: impl AsyncFnMut(usize),
) -> Vec<String> {
    let mut ids = Vec::new();
    let mut cursor = String::new();
    for page in 0.. {
        assert!(page < 50, "{path} has no end");
        let sign = if path.contains('?') { '&' } else { '?' };
        let body = get(app, &format!("{path}{sign}limit={size}{cursor}")).await.expect(200).clone();
        let items = body[of].as_array().unwrap();
        assert!(items.len() <= size);
        ids.extend(items.iter().map(|item| {
            let id = if of == "event_types" { &item["slug"] } else { &item["id"] };
            id.as_str().unwrap().to_owned()
        }));
        match body["next_cursor"].as_str() {
            None => break,
            Some(next) => cursor = format!("&cursor={next}"),
        }
        between(page).await;
    }
    ids
}

#[tokio::test]
async fn lists_come_in_pages_that_stand_still_while_others_come_and_go() {
    let app = TestApp::without_stream().await;
    for at in 0..7 {
        make_event_type(&app, &format!("type-{at}"), ADA).await;
        let host = make_host(&app, &format!("Host {at}")).await;
        make_schedule(&app, &host).await;
        make_schedule(&app, ADA).await;
    }
    for (path, of, count) in [
        ("/v1/hosts", "hosts", 9),
        ("/v1/schedules", "schedules", 23),
        ("/v1/schedules?host=hst_ada1", "schedules", 8),
        ("/v1/event-types", "event_types", 10),
        ("/v1/event-types?host=hst_ada1", "event_types", 9),
        ("/v1/event-types?host=hst_grace1", "event_types", 1),
    ] {
        let whole = all(&app, path, of, 100, async |_| {}).await;
        assert_eq!(whole.len(), count, "{path}");
        assert!(whole.is_sorted(), "{path}: {whole:?}");
        for size in [1, 2, 3, count] {
            assert_eq!(all(&app, path, of, size, async |_| {}).await, whole, "{path} by {size}");
        }
    }
    // Whatever was there from the beginning to the end is listed once, also behind an id that is gone.
    let hosts = all(&app, "/v1/hosts", "hosts", 100, async |_| {}).await;
    let gone = hosts[1].clone();
    let listed = all(&app, "/v1/hosts", "hosts", 2, async |page| {
        if page == 0 {
            let id = gone.parse().unwrap();
            let items = app.app().store.host(&app.tenant(), &id).await.unwrap().unwrap();
            app.app().store.remove_host(&app.tenant(), &items).await.unwrap();
        }
        app.put_open_host(&format!("hst_{page}new")).await;
    })
    .await;
    let old = listed.iter().filter(|id| !id.ends_with("new")).cloned().collect::<Vec<_>>();
    assert_eq!(old, hosts);
    assert!(listed.is_sorted());

    for (path, codes) in [
        ("/v1/hosts?cursor=x", vec!["cursor"]),
        ("/v1/hosts?cursor=c2NoXzAwMDA", vec!["cursor"]),
        ("/v1/schedules?cursor=aHN0XzAwMDA&limit=0", vec!["cursor", "limit"]),
        ("/v1/event-types?cursor=!&limit=101&host=ada", vec!["host", "cursor", "limit"]),
        ("/v1/event-types?limit=", vec!["limit"]),
        ("/v1/event-types?limit=1e1", vec!["limit"]),
        ("/v1/event-types?page=2", vec!["page"]),
    ] {
        let answer = get(&app, path).await;
        answer.expect_problem(422, "validation");
        assert_eq!(answer.wrong_fields(), codes, "{path}");
    }
    get(&app, "/v1/event-types?host=hst_nobody").await.expect_problem(404, "unknown-host");
    get(&app, "/v1/schedules?host=hst_nobody").await.expect_problem(404, "unknown-host");
}

#[tokio::test]
async fn what_another_tenant_has_is_not_there() {
    let app = TestApp::without_stream().await;
    app.put_tenant(&ACME.parse().unwrap()).await;
    let token = app.local.admin_token(ACME);
    let before = app.local.dynamodb.dump().await.unwrap();
    for (path, code) in [
        ("/v1/hosts/hst_ada1", "unknown-host"),
        ("/v1/schedules/sch_ada1", "unknown-schedule"),
        ("/v1/event-types/intro", "unknown-event-type"),
    ] {
        for (method, body) in [(Method::GET, None), (Method::PATCH, Some(json!({}))), (Method::DELETE, None)]
        {
            let answer = app.send_as(&token, method.clone(), path, body.as_ref()).await;
            assert_eq!((answer.status, answer.body["code"].as_str()), (404, Some(code)), "{method} {path}");
        }
    }
    for (path, body) in [
        ("/v1/schedules", json!({ "host": ADA, "name": "X", "time_zone": "UTC", "weekly": {} })),
        ("/v1/event-types", json!({ "slug": "x", "host": ADA, "title": "X", "lengths": [30] })),
    ] {
        app.send_as(&token, Method::POST, path, Some(&body)).await.expect_problem(404, "unknown-host");
    }
    for path in ["/v1/schedules?host=hst_ada1", "/v1/event-types?host=hst_ada1"] {
        app.send_as(&token, Method::GET, path, None).await.expect_problem(404, "unknown-host");
    }
    for (path, of) in
        [("/v1/hosts", "hosts"), ("/v1/schedules", "schedules"), ("/v1/event-types", "event_types")]
    {
        let body = app.send_as(&token, Method::GET, path, None).await.expect(200).clone();
        assert_eq!(body, json!({ of: [], "next_cursor": null }));
    }
    assert!(before == app.local.dynamodb.dump().await.unwrap());
}

#[tokio::test]
async fn an_id_of_the_wrong_kind_names_nothing() {
    let app = TestApp::without_stream().await;
    let before = app.local.dynamodb.dump().await.unwrap();
    let long = "x".repeat(2000);
    for junk in
        ["hst_", "HST_ADA1", "sch_ada1%00", "%FF", "..%2F..", "T%23demo", "intro%20", "-", "'--", &long]
    {
        for path in ["hosts", "schedules", "event-types"] {
            for (method, body) in
                [(Method::GET, None), (Method::PATCH, Some(json!({}))), (Method::DELETE, None)]
            {
                let path = format!("/v1/{path}/{junk}");
                let answer = app.admin(method.clone(), &path, body.as_ref()).await;
                assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text);
            }
        }
    }
    assert!(before == app.local.dynamodb.dump().await.unwrap());
}

#[tokio::test]
async fn a_host_looks_after_its_own_and_nothing_else() {
    let app = TestApp::without_stream().await;
    let token = app.host_token(ADA);
    let act = async |method, path: &str, body: Option<Value>| {
        app.send_as(&token, method, path, body.as_ref()).await
    };
    let before = app.local.dynamodb.dump().await.unwrap();
    assert_eq!(act(Method::GET, "/v1/tenant", None).await.expect(200)["name"], "Analytical Engines");
    act(Method::PUT, "/v1/tenant", Some(settings())).await.expect_problem(403, "forbidden");
    act(Method::POST, "/v1/hosts", Some(json!({ "name": "X" }))).await.expect_problem(403, "forbidden");
    act(Method::DELETE, "/v1/hosts/hst_ada1", None).await.expect_problem(403, "forbidden");
    let archive = json!({ "archived": true });
    act(Method::PATCH, "/v1/hosts/hst_ada1", Some(archive)).await.expect_problem(403, "forbidden");
    for (path, code) in [
        ("/v1/hosts/hst_grace1", "unknown-host"),
        ("/v1/schedules/sch_grace1", "unknown-schedule"),
        ("/v1/event-types/office-hours", "unknown-event-type"),
    ] {
        act(Method::GET, path, None).await.expect_problem(404, code);
        act(Method::PATCH, path, Some(json!({}))).await.expect_problem(404, code);
        if !path.contains("hosts/") {
            act(Method::DELETE, path, None).await.expect_problem(404, code);
        }
    }
    let schedule = json!({ "host": GRACE, "name": "X", "time_zone": "UTC", "weekly": {} });
    act(Method::POST, "/v1/schedules", Some(schedule)).await.expect_problem(404, "unknown-host");
    let event_type = json!({ "slug": "x", "host": GRACE, "title": "X", "lengths": [30] });
    act(Method::POST, "/v1/event-types", Some(event_type)).await.expect_problem(404, "unknown-host");
    let given_away = json!({ "host": GRACE });
    act(Method::PATCH, "/v1/event-types/intro", Some(given_away)).await.expect_problem(404, "unknown-host");
    act(Method::GET, "/v1/schedules?host=hst_grace1", None).await.expect_problem(404, "unknown-host");
    act(Method::GET, "/v1/event-types?host=hst_grace1", None).await.expect_problem(404, "unknown-host");
    assert!(before == app.local.dynamodb.dump().await.unwrap());

    let list = async |path: &str, of: &str| {
        let body = act(Method::GET, path, None).await.expect(200).clone();
        assert_eq!(body["next_cursor"], Value::Null);
        body[of].as_array().unwrap().len()
    };
    assert_eq!(list("/v1/hosts", "hosts").await, 1);
    assert_eq!(list("/v1/schedules", "schedules").await, 1);
    assert_eq!(list("/v1/event-types", "event_types").await, 2);
    assert_eq!(list("/v1/event-types?host=hst_ada1", "event_types").await, 2);

    let schedule = json!({ "host": ADA, "name": "Mine", "time_zone": "Asia/Tokyo", "weekly": {} });
    let mine = act(Method::POST, "/v1/schedules", Some(schedule)).await.expect(201)["id"].clone();
    let change = json!({ "name": "Countess Lovelace", "email": null, "default_schedule": mine });
    let changed = act(Method::PATCH, "/v1/hosts/hst_ada1", Some(change)).await.expect(200).clone();
    assert_eq!((&changed["email"], &changed["default_schedule"]), (&Value::Null, &mine));
    let event_type = json!({ "slug": "tea", "host": ADA, "title": "Tea", "lengths": [30], "schedule": mine });
    act(Method::POST, "/v1/event-types", Some(event_type)).await.expect(201);
    act(Method::PATCH, "/v1/event-types/tea", Some(json!({ "schedule": null }))).await.expect(200);
    act(Method::DELETE, "/v1/schedules/sch_ada1", None).await.expect(204);
    // A token of a host who is gone names nobody.
    let nobody = app.host_token("hst_nobody");
    let hosts = app.send_as(&nobody, Method::GET, "/v1/hosts", None).await;
    assert_eq!(hosts.expect(200)["hosts"], json!([]));
    app.send_as(&nobody, Method::GET, "/v1/hosts/hst_nobody", None).await.expect_problem(404, "unknown-host");
}

#[tokio::test]
async fn what_something_needs_is_not_taken_away() {
    let app = TestApp::start().await;
    let host = make_host(&app, "Emmy Noether").await;
    let path = format!("/v1/hosts/{host}");
    let default = get(&app, &path).await.body["default_schedule"].as_str().unwrap().to_owned();
    let in_use = async |path: &str, by: &str| {
        let answer = delete(&app, path).await;
        let title = answer.expect_problem(409, "in-use")["title"].as_str().unwrap();
        assert!(title.contains(by), "{title}");
    };
    in_use(&format!("/v1/schedules/{default}"), &host).await;

    let schedule = make_schedule(&app, &host).await;
    make_event_type(&app, "symmetry", &host).await;
    patch(&app, "/v1/event-types/symmetry", json!({ "schedule": schedule })).await.expect(200);
    in_use(&format!("/v1/schedules/{schedule}"), "symmetry").await;
    in_use(&path, "symmetry").await;
    patch(&app, &path, json!({ "archived": true })).await.expect_problem(409, "in-use");
    for (path, body, field) in [
        ("/v1/event-types/symmetry", json!({ "schedule": "sch_ada1" }), "schedule"),
        ("/v1/event-types/symmetry", json!({ "host": ADA }), "schedule"),
        (&*path, json!({ "default_schedule": "sch_ada1" }), "default_schedule"),
    ] {
        let answer = patch(&app, path, body).await;
        answer.expect_problem(422, "unknown-schedule");
        assert_eq!(answer.wrong_fields(), [field]);
    }
    in_use("/v1/hosts/hst_ada1", "deep-dive, intro").await;

    // Nobody ever booked it: it goes, then its schedule, then an integration, then the host.
    delete(&app, "/v1/event-types/symmetry").await.expect(204);
    get(&app, "/v1/event-types/symmetry").await.expect_problem(404, "unknown-event-type");
    delete(&app, &format!("/v1/schedules/{schedule}")).await.expect(204);
    get(&app, &format!("/v1/schedules/{schedule}")).await.expect_problem(404, "unknown-schedule");
    let integration = app.connect(&host, ADA_ACCOUNT).await;
    in_use(&path, &integration).await;
    app.disconnect(&integration).await.expect(200);
    make_schedule(&app, &host).await;
    delete(&app, &path).await.expect(204);
    get(&app, &path).await.expect_problem(404, "unknown-host");
    delete(&app, &path).await.expect_problem(404, "unknown-host");
    let left = app.items().await;
    let of_host: Vec<_> = left.iter().filter(|item| item.to_string().contains(&host)).collect();
    // Days go by themselves, and jobs when they have been kept long enough.
    let is_kept = |item: &Value| ["DAY#", "JOB#"].iter().any(|kept| item.to_string().contains(kept));
    assert!(of_host.iter().all(|item| is_kept(item)), "{of_host:?}");
}

#[tokio::test]
async fn what_bookings_refer_to_is_archived_and_comes_back() {
    let app = TestApp::start().await;
    let host = make_host(&app, "Emmy Noether").await;
    let path = format!("/v1/hosts/{host}");
    make_event_type(&app, "symmetry", &host).await;
    let booking = app.book_slot("symmetry", "2026-11-24T10:00:00Z").await.expect(201).clone();

    let archived = delete(&app, "/v1/event-types/symmetry").await;
    assert_eq!(
        (archived.expect(200)["archived"].as_bool(), tag(&archived)),
        (Some(true), "\"2\"".to_owned())
    );
    // Twice is once.
    assert_eq!(delete(&app, "/v1/event-types/symmetry").await.expect(200), &archived.body);
    assert_eq!(get(&app, "/v1/event-types/symmetry").await.expect(200), &archived.body);
    app.pass(REMEMBERED);
    app.listing("symmetry", "2026-11-24", "2026-11-25", "UTC")
        .await
        .expect_problem(404, "unknown-event-type");
    app.hold("symmetry", "2026-11-24T11:00:00Z").await.expect_problem(404, "unknown-event-type");
    make_taken(&app, "symmetry").await;

    // Somebody has to be there when the guest comes.
    let title = delete(&app, &path).await.expect_problem(409, "in-use")["title"].to_string();
    assert!(title.contains(booking["id"].as_str().unwrap()), "{title}");
    patch(&app, &path, json!({ "archived": true })).await.expect_problem(409, "in-use");
    app.cancel(&booking).await.expect(200);
    let gone = delete(&app, &path).await;
    assert_eq!(gone.expect(200)["archived"], true);
    assert_eq!(delete(&app, &path).await.expect(200), &gone.body);
    patch(&app, "/v1/event-types/symmetry", json!({ "archived": false }))
        .await
        .expect_problem(409, "host-archived");
    let new = json!({ "slug": "another", "host": host, "title": "X", "lengths": [30] });
    app.admin(Method::POST, "/v1/event-types", Some(&new)).await.expect_problem(409, "host-archived");

    patch(&app, &path, json!({ "archived": false })).await.expect(200);
    patch(&app, "/v1/event-types/symmetry", json!({ "archived": false })).await.expect(200);
    app.pass(REMEMBERED);
    assert!(app.is_offered("symmetry", "2026-11-24T14:30:00Z").await);

    // An event type that has changed hands is kept, whoever was booked.
    make_event_type(&app, "other", GRACE).await;
    patch(&app, "/v1/event-types/other", json!({ "host": ADA })).await.expect(200);
    assert_eq!(delete(&app, "/v1/event-types/other").await.expect(200)["archived"], true);
}

/// Also one whose bookings the guests came to: they are over, and nobody has to be there any more.
#[tokio::test]
async fn a_host_whose_bookings_are_all_over_is_archived() {
    let app = TestApp::start().await;
    let host = make_host(&app, "Emmy Noether").await;
    let path = format!("/v1/hosts/{host}");
    make_event_type(&app, "symmetry", &host).await;
    let booking = app.book_slot("symmetry", "2026-11-24T10:00:00Z").await.expect(201).clone();
    delete(&app, "/v1/event-types/symmetry").await.expect(200);
    let end = booking["end"].as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap();
    app.pass(end - app.now() - TimeDelta::seconds(1));
    delete(&app, &path).await.expect_problem(409, "in-use");
    app.pass(TimeDelta::seconds(1));
    assert_eq!(app.stored(booking["id"].as_str().unwrap()).await.status.as_str(), "confirmed");
    assert_eq!(delete(&app, &path).await.expect(200)["archived"], true);
}

async fn make_taken(app: &TestApp, slug: &str) {
    let body = json!({ "slug": slug, "host": ADA, "title": "X", "lengths": [30] });
    app.admin(Method::POST, "/v1/event-types", Some(&body)).await.expect_problem(409, "slug-taken");
}

#[tokio::test]
async fn only_a_booking_that_is_to_come_keeps_an_event_type() {
    let app = TestApp::without_stream().await;
    let host = make_host(&app, "Emmy Noether").await;
    make_event_type(&app, "symmetry", &host).await;
    let is_kept = async || {
        let answer = delete(&app, "/v1/event-types/symmetry").await;
        if answer.status == 204 {
            make_event_type(&app, "symmetry", &host).await;
        } else {
            assert_eq!(answer.expect(200)["archived"], true);
            patch(&app, "/v1/event-types/symmetry", json!({ "archived": false })).await.expect(200);
        }
        app.pass(REMEMBERED);
        answer.status == 200
    };
    let first = app.book_slot("symmetry", "2026-11-24T10:00:00Z").await.expect(201).clone();
    assert!(is_kept().await);
    app.cancel(&first).await.expect(200);
    assert!(!is_kept().await, "cancelled");
    app.book_slot("symmetry", "2026-11-24T10:00:00Z").await.expect(201);
    app.book_slot("symmetry", "2026-11-26T10:00:00Z").await.expect(201);
    app.pass(TimeDelta::days(2));
    assert!(is_kept().await, "one is over, the other is to come");
    app.pass(TimeDelta::days(2));
    assert!(!is_kept().await, "over");
}

#[tokio::test]
async fn a_host_reads_what_it_does_with_others_and_changes_only_what_is_its_own() {
    let app = TestApp::without_stream().await;
    let fields = json!({ "lengths": [30], "interval": 30, "window_days": 30 });
    app.put_team("pair", &[ADA, GRACE], &fields).await;
    let path = "/v1/event-types/pair";
    let before = app.local.dynamodb.dump().await.unwrap();
    for host in [ADA, GRACE] {
        let act = async |method, body: Option<Value>| {
            app.send_as(&app.host_token(host), method, path, body.as_ref()).await
        };
        act(Method::GET, None).await.expect(200);
        act(Method::DELETE, None).await.expect_problem(403, "forbidden");
        for patch in [json!({ "title": "Mine" }), json!({ "host": host }), json!({})] {
            act(Method::PATCH, Some(patch)).await.expect_problem(403, "forbidden");
        }
    }
    assert!(before == app.local.dynamodb.dump().await.unwrap());
    patch(&app, path, json!({ "title": "Ours" })).await.expect(200);
    delete(&app, path).await.expect(204);
}

#[tokio::test]
async fn nothing_comes_to_refer_to_what_goes_in_the_same_moment() {
    let app = TestApp::without_stream().await;
    for round in 0..8 {
        let host = make_host(&app, "Emmy Noether").await;
        let schedule = make_schedule(&app, &host).await;
        let slug = format!("race-{round}");
        make_event_type(&app, &slug, ADA).await;
        // Its new host goes, or its new schedule.
        let change =
            json!({ "host": host, "schedule": if round % 2 == 0 { Value::Null } else { json!(schedule) } });
        let gone =
            if round % 2 == 0 { format!("/v1/hosts/{host}") } else { format!("/v1/schedules/{schedule}") };
        let of = format!("/v1/event-types/{slug}");
        let (moved, removed) = tokio::join!(patch(&app, &of, change), delete(&app, &gone));
        let event_type = get(&app, &of).await.body;
        let is_there = get(&app, &gone).await.status == 200;
        match (moved.status, removed.status) {
            (200, 409) => assert!(is_there && event_type["host"] == json!(host)),
            (404 | 422, 204) => assert!(!is_there && event_type["host"] == ADA),
            other => panic!("{other:?}: {} {}", moved.text, removed.text),
        }
    }
}

#[tokio::test]
async fn a_host_has_fifty_schedules_and_not_one_more() {
    let app = TestApp::without_stream().await;
    let host = make_host(&app, "Emmy Noether").await;
    for _ in 0..46 {
        make_schedule(&app, &host).await;
    }
    let body = json!({ "host": host, "name": "X", "time_zone": "UTC", "weekly": {} });
    let answers =
        join_all((0..6).map(async |_| app.admin(Method::POST, "/v1/schedules", Some(&body)).await)).await;
    let made = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(made, 3, "{answers:?}");
    let refused = answers.iter().filter(|answer| answer.body["code"] == "too-many-schedules").count();
    assert_eq!(refused, 3, "{answers:?}");
    // So many that one transaction does not take them.
    delete(&app, &format!("/v1/hosts/{host}")).await.expect(204);
    let left = app.items().await.iter().filter(|item| item.to_string().contains(&host)).count();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn a_longer_window_has_the_calendar_read_farther_at_once() {
    let app = TestApp::start().await;
    let id = app.connect(ADA, ADA_ACCOUNT).await;
    app.sync(&id).await.expect(200);
    let due = async || app.integration(&id).await["next_sync_at"].as_str().unwrap().to_owned();
    let now = || app.now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    assert_ne!(due().await, now());
    patch(&app, "/v1/event-types/intro", json!({ "window_days": 50 })).await.expect(200);
    assert_ne!(due().await, now(), "what is read reaches far enough");
    patch(&app, "/v1/event-types/intro", json!({ "window_days": 90 })).await.expect(200);
    assert_eq!(due().await, now());
    app.pass(TimeDelta::minutes(1));
    app.tick().await;
    let range = app.integration(&id).await["last_sync_range"]["to"].as_str().unwrap().to_owned();
    assert!(range.as_str() > "2027-02-20", "{range}");
}

#[tokio::test]
async fn what_does_not_go_together_is_refused_by_its_name() {
    let app = TestApp::without_stream().await;
    let question = |key: &str, kind: &str| json!({ "key": key, "label": "Why?", "kind": kind });
    let choice =
        |options: Value| json!({ "key": "a", "label": "Why?", "kind": "choice", "options": options });
    for (change, fields) in [
        (json!({ "lengths": [30, 30] }), vec!["lengths"]),
        (json!({ "lengths": [720], "buffer_after": 5 }), vec!["lengths"]),
        (json!({ "notice": 1440, "window_days": 1 }), vec!["notice"]),
        (json!({ "reminders": [5, 5] }), vec!["reminders"]),
        (json!({ "questions": [question("a", "text"), question("a", "text")] }), vec!["questions"]),
        (json!({ "questions": [question("a", "song")] }), vec!["questions.0.kind"]),
        (json!({ "questions": [question("a", "choice")] }), vec!["questions.0.options"]),
        (json!({ "questions": [choice(json!([]))] }), vec!["questions.0.options"]),
        (json!({ "questions": [choice(json!(["x", "x"]))] }), vec!["questions.0.options"]),
        (json!({ "questions": [choice(json!([""]))] }), vec!["questions.0.options"]),
        (json!({ "location": { "kind": "moon" } }), vec!["location.kind"]),
        (json!({ "location": { "kind": "in_person" } }), vec!["location.address"]),
        (json!({ "location": { "kind": "conference", "url": "https://x.example" } }), vec!["location.url"]),
        (json!({ "location": { "kind": "video_link", "url": "http://x.example" } }), vec!["location.url"]),
        (
            json!({ "location": { "kind": "video_link", "url": "https://a:b@x.example" } }),
            vec!["location.url"],
        ),
        (json!({ "location": { "kind": "video_link", "url": "javascript:alert(1)" } }), vec!["location.url"]),
        (json!({ "slug": "other", "revision": 7 }), vec!["revision", "slug"]),
    ] {
        let answer = patch(&app, "/v1/event-types/intro", change.clone()).await;
        answer.expect_problem(422, "validation");
        assert_eq!(answer.wrong_fields(), fields, "{change}");
    }
    let hours = |from: &str, to: &str| json!([{ "from": from, "to": to }]);
    let year = |year: i32| {
        (0..201).map(move |at| (format!("{year}-{:02}-{:02}", at / 28 + 1, at % 28 + 1), json!([])))
    };
    let many: Value = year(2027).chain(year(2028)).collect();
    for (change, field) in [
        (json!({ "weekly": { "mon": hours("17:00", "09:00") } }), "weekly.mon.0.to"),
        (json!({ "weekly": { "mon": hours("09:00", "09:00") } }), "weekly.mon.0.to"),
        (json!({ "weekly": { "mon": hours("09:01", "10:00") } }), "weekly.mon.0.from"),
        (json!({ "weekly": { "monday": [] } }), "weekly.monday"),
        (json!({ "weekly": { "mon": vec![json!({ "from": "09:00", "to": "10:00" }); 11] } }), "weekly.mon"),
        (json!({ "overrides": { "2026-02-30": [] } }), "overrides.2026-02-30"),
        (json!({ "overrides": { "+12026-02-03": [] } }), "overrides.+12026-02-03"),
        (json!({ "overrides": { "1969-12-31": [] } }), "overrides.1969-12-31"),
        (json!({ "overrides": { "2026-12-25": hours("10:00", "24:05") } }), "overrides.2026-12-25.0.to"),
        (json!({ "overrides": many }), "overrides.2028-08-05"),
        (json!({ "time_zone": "Mars/Olympus" }), "time_zone"),
        (json!({ "host": GRACE }), "host"),
    ] {
        let answer = patch(&app, "/v1/schedules/sch_ada1", change.clone()).await;
        answer.expect_problem(422, "validation");
        assert!(answer.wrong_fields().contains(&field), "{field}: {}", answer.text);
    }
    for origin in [
        "example.com",
        "https://example.com/",
        "https://example.com/a",
        "https://example.com:443",
        "HTTPS://example.com",
        "null",
        "ftp://example.com",
        "https://a@example.com",
        "https://*.example.com",
        "",
    ] {
        let mut settings = settings();
        settings["cors_origins"] = json!([origin]);
        let answer = app.admin(Method::PUT, "/v1/tenant", Some(&settings)).await;
        answer.expect_problem(422, "validation");
        assert_eq!(answer.wrong_fields(), ["cors_origins"], "{origin}");
    }
    // Hours that overlap are one; what is trimmed is trimmed.
    let overlapping = json!([{ "from": "13:00", "to": "17:00" }, { "from": "09:00", "to": "14:00" }]);
    let change = json!({ "name": "  Mine ", "weekly": { "mon": overlapping } });
    let changed = patch(&app, "/v1/schedules/sch_ada1", change).await.expect(200).clone();
    assert_eq!(
        (changed["name"].as_str(), &changed["weekly"]["mon"]),
        (Some("Mine"), &hours("09:00", "17:00"))
    );
    assert_eq!(changed["weekly"]["tue"], json!([]));
    get(
        &app,
        &format!("/v1/tenants/{TENANT}/event-types/intro/slots?from=2026-11-24&to=2026-11-25&time_zone=UTC"),
    )
    .await
    .expect(200);
}
