//! Whatever is wrong with a request, on every route of the API document: bodies far too large, ids of the wrong kind
//! in paths and queries, forms that no page has made. A 4xx that says so, and nothing is changed.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use tests::TestApp;

use crate::walk::{Ask, Kind, Things, asks, document, found, table};

const TEN_MEGABYTES: usize = 10 * 1024 * 1024;

async fn start() -> (TestApp, Value, Things) {
    let app = TestApp::without_stream().await;
    found(&app, "acme").await;
    let document = document(&app).await;
    let own = Things::make(&app, "acme", "acmeone").await;
    (app, document, own)
}

fn token_of(ask: &Ask, app: &TestApp, own: &Things) -> Option<String> {
    ask.is_for_staff().then(|| own.admin_token(app))
}

#[tokio::test]
async fn a_body_of_ten_megabytes_is_refused_by_every_route() {
    let (app, document, own) = start().await;
    let before = table(&app).await;
    let mut count = 0;
    let mut seen = BTreeSet::new();
    for ask in asks(&document, &own) {
        if [Method::GET, Method::DELETE].contains(&ask.method) || !seen.insert(ask.operation.clone()) {
            continue;
        }
        count += 1;
        let (media, body) = match ask.kind {
            Some(Kind::Form) => {
                ("application/x-www-form-urlencoded", format!("x={}", "x".repeat(TEN_MEGABYTES - 2)))
            }
            Some(Kind::Json) | None => {
                ("application/json", format!("{}{}", ask.parts["body"], " ".repeat(TEN_MEGABYTES - 2000)))
            }
        };
        let token = token_of(&ask, &app, &own);
        let bare = Ask { kind: None, ..ask };
        let request = bare.request(&app, token.as_deref()).header("content-type", media).body(body);
        let answer = app.answered(request).await;
        assert_eq!(answer.status, 413, "{}: {}", bare.shown(), answer.text);
    }
    assert!(count >= 30, "only {count}");
    assert!(before == table(&app).await);
}

#[tokio::test]
async fn an_id_of_the_wrong_kind_is_nowhere() {
    let (app, document, own) = start().await;
    let before = table(&app).await;
    let long = "x".repeat(2000);
    let junk = ["0", "-", "%00", "%FF", "..%2F..", "%3Cb%3E", "T%23acme", "ACME", "null", &long];
    let ids = [&own.host, &own.schedule, &own.integration, &own.booking, &own.slug, &own.manage];
    let words: Vec<_> = ids.into_iter().map(String::as_str).chain(junk).collect();
    let mut count = 0;
    for ask in asks(&document, &own) {
        let token = token_of(&ask, &app, &own);
        let places = ask.places().into_iter().filter(|(place, _)| place.starts_with("/path/"));
        for (place, right) in places {
            for word in words.iter().filter(|word| **word != right) {
                let wrong = ask.with(&place, &json!(word));
                let answer = wrong.send(&app, token.as_deref()).await;
                let shown: String = wrong.shown().chars().take(300).collect();
                assert_eq!(answer.status, 404, "{shown}: {}", answer.text);
                count += 1;
            }
        }
    }
    assert!(count > 800, "only {count}");
    assert!(before == table(&app).await);
}

#[tokio::test]
async fn a_parameter_that_is_wrong_is_named_and_so_is_one_that_nobody_knows() {
    let (app, document, own) = start().await;
    let before = table(&app).await;
    let mut count = 0;
    for ask in asks(&document, &own) {
        // Whoever comes back from a provider or follows a link to a page is not told of parameters.
        if ask.query.is_empty() || !ask.template.starts_with("/v1/") || ask.operation == "finish_oauth" {
            continue;
        }
        let token = token_of(&ask, &app, &own);
        let refused = async |query: Value, name: &str| {
            let mut wrong = ask.clone();
            wrong.parts["query"] = query;
            let answer = wrong.send(&app, token.as_deref()).await;
            assert_eq!(answer.status, 422, "{}: {}", wrong.shown(), answer.text);
            assert_eq!(answer.wrong_fields(), [name], "{}: {}", wrong.shown(), answer.text);
        };
        let query = &ask.parts["query"];
        for name in ask.query.iter().map(String::as_str).chain(["unknown"]) {
            let mut words = vec!["?", "a\0b", "<b>"];
            match name {
                "host" => words.extend(["", "hst_", &own.schedule, &own.booking, &own.slug]),
                "event_type" => words.extend(["", &own.host, &own.booking]),
                "guest_email" | "email" => words.extend(["", &own.host, "a@b"]),
                "cursor" => words.extend([own.host.as_str(), &own.booking, &own.hold]),
                _ => words.extend([own.host.as_str(), ""]),
            }
            for word in words {
                let mut query = query.clone();
                query[name] = json!(word);
                refused(query, name).await;
                count += 1;
            }
        }
        let required = document["paths"][&ask.template]["get"]["parameters"].as_array().unwrap().iter();
        let required = required.filter(|one| one["in"] == "query" && one["required"] == true);
        for name in required.map(|one| one["name"].as_str().unwrap()) {
            let mut query = query.clone();
            query.as_object_mut().unwrap().remove(name);
            refused(query, name).await;
        }
    }
    assert!(count > 100, "only {count}");
    assert!(before == table(&app).await);
}

#[tokio::test]
async fn a_form_that_no_page_has_made_is_refused_on_a_page() {
    let (app, document, own) = start().await;
    let before = table(&app).await;
    let mut count = 0;
    for ask in asks(&document, &own).into_iter().filter(|ask| ask.kind == Some(Kind::Form)) {
        for (name, _) in ask.parts["body"].as_object().unwrap() {
            let place = format!("/body/{name}");
            let mut wrong: Vec<_> =
                ["", "?", "a\0b", "<b>"].iter().map(|word| ask.with(&place, &json!(word))).collect();
            wrong.push(ask.with(&place, &json!("x".repeat(5000))));
            let mut without = ask.clone();
            without.parts["body"].as_object_mut().unwrap().remove(name);
            wrong.push(without);
            // These may be any text, or none.
            let free = ["reason", "name"].contains(&&**name);
            for wrong in wrong {
                let word = wrong.parts["body"][name].as_str().unwrap_or_default();
                let is_fine = free && (["?", "<b>"].contains(&word) || (name == "reason" && word.is_empty()));
                if is_fine {
                    continue;
                }
                count += 1;
                let answer = wrong.send(&app, None).await;
                let shown: String = wrong.shown().chars().take(300).collect();
                assert!((400..500).contains(&answer.status), "{shown}: {} {}", answer.status, answer.text);
                let kind = answer.header("content-type").unwrap_or_default();
                assert!(kind.starts_with("text/html"), "{shown}: {kind} {}", answer.text);
                assert!(
                    !answer.text.contains("<b>") && !answer.text.contains('\0'),
                    "{shown}: {}",
                    answer.text
                );
            }
        }
    }
    assert!(count > 50, "only {count}");
    assert!(before == table(&app).await);
}

#[tokio::test]
async fn a_template_with_a_variable_that_there_is_not_is_refused_by_its_name() {
    let (app, _, own) = start().await;
    let admin = own.admin_token(&app);
    let before = table(&app).await;
    let path = format!("/v1/event-types/{}", own.slug);
    let new = json!({ "slug": "new", "host": own.host, "title": "New", "lengths": [30] });
    for field in ["event_title", "event_description"] {
        for (template, named) in [
            ("Tea with {{guest.surname}}", "guest.surname"),
            ("{{guest.name}} and {{secret}}", "secret"),
            ("{{Guest.Name}}", "Guest.Name"),
            ("{{tenant.key}} {{guest.name}}", "tenant.key"),
            ("{{#each answers}}", "#each answers"),
            ("{{guest.name | upper}}", "guest.name | upper"),
            ("{{ }}", "{{"),
            ("{{guest.name", "{{"),
        ] {
            let mut posted = new.clone();
            posted[field] = json!(template);
            for (method, path, body) in [
                (Method::POST, "/v1/event-types", posted),
                (Method::PATCH, path.as_str(), json!({ field: template })),
            ] {
                let answer = app.send_as(&admin, method, path, Some(&body)).await;
                answer.expect_problem(422, "validation");
                assert_eq!(answer.wrong_fields(), [field], "{template}");
                let message = answer.body["errors"][0]["message"].as_str().unwrap();
                assert!(message.contains(named), "{template}: {message}");
            }
        }
    }
    assert!(before == table(&app).await);
}
