//! Every route that takes a token, with tokens that are none: staff's that somebody forged, guests' that are of
//! another booking or worth nothing any more.

use reqwest::Method;
use serde_json::{Value, json};
use tests::TestApp;

use crate::walk::{Ask, Things, asks, document, found, table};

#[tokio::test]
async fn a_token_that_the_issuer_did_not_make_for_this_opens_no_route() {
    let app = TestApp::without_stream().await;
    found(&app, "acme").await;
    let own = Things::make(&app, "acme", "acmeone").await;
    let claims = json!({ "sub": "admin", "tenant": "acme", "roles": ["admin"] });
    let forged = app.forged(&claims).await;
    let before = table(&app).await;
    let routes: Vec<_> = asks(&document(&app).await, &own).into_iter().filter(Ask::is_for_staff).collect();
    assert!(routes.len() > 30, "{}", routes.len());
    for ask in &routes {
        for (how, token) in &forged {
            let answer = ask.send(&app, Some(token)).await;
            assert_eq!(answer.status, 401, "{how}: {}: {}", ask.shown(), answer.text);
            own.assert_not_in(&answer, &[], &ask.shown());
        }
    }
    assert!(before == table(&app).await);
    // The claims are good ones.
    let good = app.local.token(claims);
    app.send_as(&good, Method::GET, "/v1/tenant", None).await.expect(200);
}

#[tokio::test]
async fn a_manage_token_opens_its_own_booking_and_only_while_it_is_the_newest() {
    let app = TestApp::without_stream().await;
    for tenant in ["acme", "rival"] {
        found(&app, tenant).await;
    }
    let mut own = Things::make(&app, "acme", "acmeone").await;
    let other = Things::make(&app, "acme", "acmetwo").await;
    let rival = Things::make(&app, "rival", "rivalone").await;
    let admin = own.admin_token(&app);
    let old = own.manage.clone();
    let renewed = app
        .send_as(
            &admin,
            Method::PATCH,
            &format!("/v1/bookings/{}", own.booking),
            Some(&json!({ "renew_manage_token": true })),
        )
        .await;
    renewed.expect(200)["manage_token"].as_str().unwrap().clone_into(&mut own.manage);
    assert_ne!(own.manage, old);
    let good = own.manage.clone();
    let code = good.strip_prefix("mng_1_").expect("under the first key");
    let wrong = [
        ("of another booking", other.manage.clone()),
        ("of another tenant", rival.manage.clone()),
        ("of the generation before", old.clone()),
        ("that says another key", format!("mng_2_{code}")),
        ("that says no key", format!("mng_{code}")),
        ("cut short", good[..good.len() - 1].to_owned()),
        ("cut to a letter", good[..1].to_owned()),
        ("with a letter more", format!("{good}A")),
        ("in capitals", good.to_uppercase()),
        ("of staff's", admin.clone()),
        ("of a host's", own.host_token(&app)),
    ];
    let routes: Vec<_> = asks(&document(&app).await, &own).into_iter().filter(Ask::is_managed).collect();
    let mut opened = 0;
    for ask in &routes {
        let places: Vec<_> = ask.places().into_iter().filter(|(_, text)| *text == good).collect();
        let [(place, _)] = places.as_slice() else { panic!("one token: {}", ask.shown()) };
        let before = table(&app).await;
        for (how, token) in &wrong {
            let ask = ask.with(place, &json!(token));
            let answer = ask.send(&app, None).await;
            assert_eq!(answer.status, 404, "{how}: {}: {}", ask.shown(), answer.text);
            let said: Vec<_> = ask.places().into_iter().map(|(_, text)| text).collect();
            own.assert_not_in(&answer, &said, &ask.shown());
        }
        let mut without = ask.clone();
        match place.rsplit_once('/').unwrap() {
            ("", _) => without.parts["token"] = json!(null),
            (parent, name) => {
                let parent = without.parts.pointer_mut(parent).and_then(Value::as_object_mut);
                parent.unwrap().remove(name);
            }
        }
        let expected = if place == "/token" { 401 } else { 404 };
        assert_eq!(without.send(&app, None).await.status, expected, "{}", without.shown());
        assert!(before == table(&app).await, "{} changed something", ask.shown());
        // Reading is open to the newest; what changes the booking comes after all have been refused.
        if ask.method == Method::GET {
            opened += 1;
            assert_eq!(ask.send(&app, None).await.status, 200, "{}", ask.shown());
        }
    }
    assert!(opened >= 4 && routes.len() >= 8, "{opened} of {}", routes.len());
    for ask in routes.iter().filter(|ask| ask.method == Method::POST && ask.door == crate::walk::Door::Manage)
    {
        ask.send(&app, None).await.expect(200);
    }
}
