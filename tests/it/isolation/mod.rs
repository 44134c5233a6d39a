//! Nobody reaches what is somebody else's: every route of the API document, with ids of another tenant, with ids of
//! another host, in every role, with every kind of token that is none.
//!
//! All walks are made from the served document ([`crate::walk`]). A refusal leaves the table as it is, to the byte.

mod roles;
mod tokens;

use reqwest::Method;
use serde_json::{Value, json};
use tests::{Answer, TestApp};

use crate::walk::{Ask, Door, Things, asks, document, found, is_of_a_job, table};

/// Operations that have nothing of anybody's.
const NOBODYS: [&str; 5] = ["approve_oauth", "finish_oauth", "get_health", "get_openapi", "show_asset"];

/// What an answer to somebody else's id is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answered {
    /// It is not there.
    NotFound,
    /// It is no value of this field: the calendars of an account, the schedules of a host.
    Unknown(&'static str),
    /// A filter through which nothing of one's own comes.
    WithoutTheirs,
}

fn expected(ask: &Ask, changed: &[(String, &'static str)]) -> Answered {
    let is_filter = |(place, what): &(String, &str)| {
        *what == "email" || (ask.operation == "list_bookings" && place.starts_with("/query/"))
    };
    if changed.iter().all(is_filter) {
        Answered::WithoutTheirs
    } else if changed.iter().all(|(_, what)| *what == "account") {
        Answered::Unknown("unknown-calendar")
    } else if changed.iter().all(|(place, what)| *what == "schedule" && place.starts_with("/body/")) {
        Answered::Unknown("unknown-schedule")
    } else {
        Answered::NotFound
    }
}

/// A request in which some things of one's own are somebody else's, and where.
struct Mixed {
    ask: Ask,
    changed: Vec<(String, &'static str)>,
}

/// Each thing alone exchanged for theirs, and all of them.
fn mixed(ask: &Ask, own: &Things, theirs: &Things) -> Vec<Mixed> {
    let places = ask.places().into_iter();
    let places: Vec<_> = places
        .filter_map(|(place, text)| own.at(&text, theirs).map(|(what, theirs)| (place, what, theirs)))
        .collect();
    let exchanged = |chosen: &[&(String, &'static str, String)]| Mixed {
        ask: chosen.iter().fold(ask.clone(), |ask, (place, _, theirs)| ask.with(place, &json!(theirs))),
        changed: chosen.iter().map(|(place, what, _)| (place.clone(), *what)).collect(),
    };
    let mut all: Vec<_> = places.iter().map(|place| exchanged(&[place])).collect();
    // What the public may do anyway: with the tenant, or what lies in the same tenant, all of it is theirs.
    let may_be_theirs = |(_, what, _): &&(String, &str, String)| *what != "tenant";
    let chosen: Vec<_> = places.iter().filter(may_be_theirs).collect();
    let is_theirs = !ask.is_for_staff() && own.tenant == theirs.tenant;
    if chosen.len() > 1 && !is_theirs {
        all.push(exchanged(&chosen));
    }
    // Under the name of another tenant stands what it offers to everybody.
    let names_tenant_only = |mixed: &Mixed| places.len() == 1 && mixed.changed[0].1 == "tenant";
    all.retain(|mixed| !names_tenant_only(mixed));
    all
}

#[track_caller]
fn assert_found_nothing(answer: &Answer, mixed: &Mixed) {
    let shown = mixed.ask.shown();
    match expected(&mixed.ask, &mixed.changed) {
        Answered::NotFound => {
            assert_eq!(answer.status, 404, "{:?} {shown}: {}", mixed.changed, answer.text);
            let is_problem = answer.header("content-type").as_deref() == Some("application/problem+json");
            assert!(is_problem || answer.text.contains("This page is not here"), "{shown}: {}", answer.text);
        }
        Answered::Unknown(code) => {
            answer.expect_problem(422, code);
            let (place, _) = &mixed.changed[0];
            assert_eq!(answer.wrong_fields(), [place.trim_start_matches("/body/")], "{shown}");
        }
        Answered::WithoutTheirs => {
            // A list, or a job that walks one's own.
            assert!([200, 202].contains(&answer.status), "{shown}: {}", answer.text);
            let is_empty = answer.status == 202 || answer.body["bookings"] == json!([]);
            assert!(is_empty, "{shown}: {}", answer.text);
        }
    }
}

/// Follows an answer to the job that it began, if it did: the job ends, has looked at this tenant's bookings alone and
/// found nothing.
async fn assert_job_finds_nothing(
    app: &TestApp,
    begun: &Answer,
    (tenant, token): (&str, &str),
    theirs: &Things,
    shown: &str,
) {
    if begun.status != 202 {
        return;
    }
    let path = begun.header("location").expect("where the job is");
    let mut job = app.send_as(token, Method::GET, &path, None).await;
    for _ in 0..5 {
        if job.expect(200)["status"] != "running" {
            break;
        }
        app.tick().await;
        job = app.send_as(token, Method::GET, &path, None).await;
    }
    let of_tenant = format!("T#{tenant}#B#");
    let is_own = |item: &&Value| {
        item["sk"]["S"] == "BOOKING" && item["pk"]["S"].as_str().is_some_and(|pk| pk.starts_with(&of_tenant))
    };
    let own = table(app).await.iter().filter(is_own).count();
    assert_eq!(
        (&job.body["status"], &job.body["done"]),
        (&json!("done"), &json!(own)),
        "{shown}: {}",
        job.text
    );
    assert_eq!(job.body["total"], own, "{shown}: {}", job.text);
    let nothing = [json!({ "bookings": [] }), json!({ "erased": [], "kept": [] })];
    assert!(nothing.contains(&job.body["result"]), "{shown}: {}", job.text);
    theirs.assert_not_in(&job, &[], shown);
}

/// The same with an id that nobody has.
fn with_unknown(mixed: &Mixed) -> Option<(Ask, String)> {
    let [(place, "host" | "schedule" | "slug" | "integration" | "booking" | "job")] =
        mixed.changed.as_slice()
    else {
        return None;
    };
    let id = mixed.ask.parts.pointer(place).unwrap().as_str().unwrap();
    let letter = if id.ends_with('0') { '1' } else { '0' };
    let unknown = format!("{}{letter}", &id[..id.len() - 1]);
    Some((mixed.ask.with(place, &json!(unknown)), unknown))
}

/// Walks every route with every mixture; gives how many there were.
async fn walk(app: &TestApp, all: &[Ask], own: &Things, theirs: &Things, token: &str) -> usize {
    let mut count = 0;
    for ask in all {
        for mixed in mixed(ask, own, theirs) {
            count += 1;
            let before = table(app).await;
            let answer = mixed.ask.send(app, ask.is_for_staff().then_some(token)).await;
            assert_found_nothing(&answer, &mixed);
            let said: Vec<_> = mixed.ask.places().into_iter().map(|(_, text)| text).collect();
            theirs.assert_not_in(&answer, &said, &mixed.ask.shown());
            let own_scope = (own.tenant.as_str(), token);
            assert_job_finds_nothing(app, &answer, own_scope, theirs, &mixed.ask.shown()).await;
            if let Some((unknown, id)) = with_unknown(&mixed) {
                let nobodys = unknown.send(app, ask.is_for_staff().then_some(token)).await;
                let (place, _) = &mixed.changed[0];
                let id_of = mixed.ask.parts.pointer(place).unwrap().as_str().unwrap();
                let differs = nobodys.status != answer.status
                    || nobodys.text.replace(&id, "") != answer.text.replace(id_of, "");
                assert!(
                    !differs,
                    "{} tells what is there: {} {}",
                    unknown.shown(),
                    nobodys.text,
                    answer.text
                );
            }
            let after = table(app).await;
            assert!(theirs.items(&before) == theirs.items(&after), "{} changed theirs", mixed.ask.shown());
            assert!(answer.status < 400 || before == after, "{} changed the table", mixed.ask.shown());
        }
    }
    count
}

#[tokio::test]
async fn what_another_tenant_has_is_nowhere_to_be_found() {
    let app = TestApp::without_stream().await;
    for tenant in ["acme", "rival"] {
        found(&app, tenant).await;
    }
    let theirs = Things::make(&app, "acme", "acmeone").await;
    let own = Things::make(&app, "rival", "rivalone").await;
    let document = document(&app).await;
    let all = asks(&document, &own);
    let token = own.admin_token(&app);
    let count = walk(&app, &all, &own, &theirs, &token).await;
    assert!(count > 80, "only {count}");
    // A host of the other tenant's, with its own token, gets no farther.
    let of_hosts: Vec<_> = all.iter().filter(|ask| ask.door == Door::Staff).cloned().collect();
    walk(&app, &of_hosts, &own, &theirs, &own.host_token(&app)).await;

    let (mut nobodys, their_table) = (Vec::new(), table(&app).await);
    for ask in &all {
        let has_things = ask.places().iter().any(|(_, text)| own.at(text, &theirs).is_some());
        if !has_things && !ask.is_for_staff() {
            nobodys.push(ask.operation.as_str());
        }
        // A tenant that is not there yet has nothing either, whatever it asks for.
        let mut ghost = asks(&document, &theirs).into_iter();
        let ghost = ghost.find(|of| of.operation == ask.operation).unwrap();
        if ask.is_for_staff() && ask.operation != "put_tenant" && has_things {
            let token = app.local.admin_token("ghost");
            let answer = ghost.send(&app, Some(&token)).await;
            let filter = ["list_bookings", "export_guest", "erase_guest"].contains(&&*ask.operation);
            assert!(
                answer.status == 404 || (filter && [200, 202].contains(&answer.status)),
                "{}: {}",
                ghost.shown(),
                answer.text
            );
            let said: Vec<_> = ghost.places().into_iter().map(|(_, text)| text).collect();
            theirs.assert_not_in(&answer, &said, &ghost.shown());
            assert_job_finds_nothing(&app, &answer, ("ghost", &token), &theirs, &ghost.shown()).await;
        }
        // What asks for nothing by name answers with what is one's own.
        if ask.is_for_staff() && ask.method == Method::GET && !ask.template.contains('{') {
            let mut plain = ask.clone();
            plain.parts["query"] = json!({});
            let answer = plain.send(&app, Some(&token)).await;
            assert_eq!(answer.status, 200, "{}: {}", plain.shown(), answer.text);
            assert!(answer.text.contains("rival"), "{}", answer.text);
            theirs.assert_not_in(&answer, &[], &plain.shown());
        }
    }
    // The jobs that the tenant that is not there has begun are its own.
    let mut after = table(&app).await;
    after.retain(|item| !(item["pk"]["S"] == "T#ghost" && is_of_a_job(item)));
    assert!(their_table == after);
    nobodys.sort_unstable();
    assert_eq!(nobodys, NOBODYS, "either these have nothing of anybody's, or the walk does not see what");
}

#[tokio::test]
async fn what_another_host_of_the_tenant_has_is_nowhere_to_be_found() {
    let app = TestApp::without_stream().await;
    found(&app, "acme").await;
    let theirs = Things::make(&app, "acme", "grace").await;
    let own = Things::make(&app, "acme", "mary").await;
    let document = document(&app).await;
    let all = asks(&document, &own);
    let of_hosts = all.into_iter().filter(|ask| ask.door == Door::Staff || ask.is_managed());
    let of_hosts: Vec<_> = of_hosts.collect();
    let count = walk(&app, &of_hosts, &own, &theirs, &own.host_token(&app)).await;
    assert!(count > 40, "only {count}");
}

#[tokio::test]
async fn the_place_in_another_tenants_list_leads_to_ones_own() {
    let app = TestApp::without_stream().await;
    let (mut first, mut others) = (Vec::new(), Vec::new());
    for tenant in ["acme", "rival"] {
        found(&app, tenant).await;
        first.push(Things::make(&app, tenant, &format!("{tenant}one")).await);
        others.push(Things::make(&app, tenant, &format!("{tenant}two")).await);
    }
    let all = asks(&document(&app).await, &first[1]);
    let with_limit = |ask: &&Ask| ask.query.iter().any(|name| name == "limit");
    let lists: Vec<_> = all.iter().filter(with_limit).collect();
    assert!(lists.len() > 3, "{lists:?}");
    for list in lists {
        let mut list = list.clone();
        list.parts["query"] = json!({ "limit": "1" });
        let page = list.send(&app, Some(&app.local.admin_token("acme"))).await;
        let cursor = page.expect(200)["next_cursor"].as_str().unwrap().to_owned();
        list.parts["query"] = json!({ "cursor": cursor });
        for token in [first[1].admin_token(&app), first[1].host_token(&app)] {
            let answer = list.send(&app, Some(&token)).await;
            assert!([200, 404, 422].contains(&answer.status), "{}: {}", list.shown(), answer.text);
            for theirs in [&first[0], &others[0]] {
                theirs.assert_not_in(&answer, std::slice::from_ref(&cursor), &list.shown());
            }
        }
    }
}
