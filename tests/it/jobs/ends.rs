//! How a job ends: done, or given up after too many failures; kept for seven days from then on; never asked for by a
//! host.

use fakes::Fault;

use super::*;

const EXPORT: &str = "/v1/guests/export";

/// An answer of the table that repeating does not change.
fn refused() -> Fault {
    let error = json!({
        "__type": "com.amazon.coral.validate#ValidationException", "message": "The index is being rebuilt",
    });
    Fault::json(400, &error)
}

/// Begins an export of which every page fails.
async fn failing(app: &TestApp) -> JobId {
    app.local.dynamodb.faults.always("Query", refused());
    let begun = app.admin(Method::POST, EXPORT, Some(&json!({ "email": MARY }))).await;
    assert_eq!(begun.expect(202)["status"], "running");
    begun.body["id"].as_str().unwrap().parse().unwrap()
}

async fn handed_out(app: &TestApp, id: &JobId) -> Job {
    let message = QueueMessage::Job { tenant: tenant(), job: id.clone() };
    let done = handle_message(&app.process(), &message).await;
    assert!(done.is_ok(), "it would be delivered again at once: {done:?}");
    job(app, id).await
}

async fn seen(app: &TestApp, id: &JobId) -> Value {
    app.admin(Method::GET, &format!("/v1/jobs/{id}"), None).await.expect(200).clone()
}

/// The stored items of a job and its results.
async fn items(app: &TestApp) -> Vec<Value> {
    let is_of_job = |item: &Value| item["sk"]["S"].as_str().unwrap().starts_with("JOB");
    app.items().await.into_iter().filter(is_of_job).collect()
}

#[tokio::test]
async fn a_job_that_keeps_failing_waits_longer_each_time_and_is_given_up() {
    let app = open().await;
    let id = failing(&app).await;
    let mut pauses = Vec::new();
    for failures in 1..Job::MAX_FAILURES {
        let found = job(&app, &id).await;
        assert_eq!((found.failures, found.status), (failures, JobStatus::Running));
        assert!(found.lease.is_none(), "{found:?}");
        let pause = found.due_at - app.now();
        assert!(pause > TimeDelta::zero() && pause <= TimeDelta::hours(1), "{found:?}");
        pauses.push(pause);
        app.pass(pause);
        handed_out(&app, &id).await;
    }
    assert!(
        pauses[0] < TimeDelta::minutes(1) && *pauses.last().unwrap() >= TimeDelta::minutes(30),
        "{pauses:?}"
    );
    assert_eq!(job(&app, &id).await.status, JobStatus::Failed);
    assert_eq!(seen(&app, &id).await["status"], "failed");
    app.local.dynamodb.faults.clear();
    app.tick_for(130).await;
    assert_eq!(seen(&app, &id).await["status"], "failed", "it is not gone on with");
}

#[tokio::test]
async fn a_page_that_succeeds_forgives_the_failures_before_it() {
    let app = booked(30).await;
    let id = failing(&app).await;
    app.pass(TimeDelta::minutes(2));
    assert_eq!(handed_out(&app, &id).await.failures, 2);
    app.local.dynamodb.faults.clear();
    app.tick_for(3).await;
    let done = job(&app, &id).await;
    assert_eq!((done.failures, done.status), (0, JobStatus::Done));
    assert_eq!(results(&app, &id, "bookings").await.len(), 30);
}

#[tokio::test]
async fn a_job_is_kept_for_seven_days_after_its_end() {
    let app = booked(30).await;
    let id = failing(&app).await;
    // The queue did not get to it for a while.
    app.pass(TimeDelta::days(8));
    assert_eq!(seen(&app, &id).await["ended_at"], Value::Null);
    for item in items(&app).await {
        assert!(item.get("ttl").is_none(), "the table may remove what still runs: {item}");
    }
    app.local.dynamodb.faults.clear();
    app.tick().await;
    let done = seen(&app, &id).await;
    assert_eq!((&done["status"], done["ended_at"].is_string()), (&json!("done"), true));
    app.pass(TimeDelta::days(7) - TimeDelta::minutes(2));
    app.tick().await;
    assert_eq!(results(&app, &id, "bookings").await.len(), 30);
    app.pass(TimeDelta::minutes(2));
    for query in ["", "?cursor=Mg"] {
        let path = format!("/v1/jobs/{id}{query}");
        app.admin(Method::GET, &path, None).await.expect_problem(404, "unknown-job");
    }
    app.tick().await;
    assert_eq!(items(&app).await, Vec::<Value>::new(), "what it has found goes with it");
}

#[tokio::test]
async fn a_job_that_never_comes_to_its_end_is_given_up_after_a_month() {
    let app = booked(1).await;
    let id = failing(&app).await;
    app.local.dynamodb.faults.clear();
    app.pass(TimeDelta::days(31));
    let given_up = handed_out(&app, &id).await;
    assert_eq!((given_up.status, given_up.done), (JobStatus::Failed, 0));
}

#[tokio::test]
async fn an_erasure_that_was_given_up_is_not_named_after_the_next() {
    let app = booked(1).await;
    let mary = json!({ "email": MARY });
    app.local.dynamodb.faults.always("Query", refused());
    let begun = app.admin(Method::POST, "/v1/guests/erase", Some(&mary)).await.expect(202).clone();
    let id: JobId = begun["id"].as_str().unwrap().parse().unwrap();
    app.pass(TimeDelta::days(31));
    assert_eq!(handed_out(&app, &id).await.status, JobStatus::Failed);
    app.local.dynamodb.faults.clear();
    app.admin(Method::POST, "/v1/guests/erase", Some(&mary)).await.expect(202);
    app.tick_for(2).await;
    assert_eq!(job(&app, &id).await.status, JobStatus::Failed);
    assert!(!json!(app.items().await).to_string().contains(MARY), "nothing of her is left");
}

#[tokio::test]
async fn a_host_is_refused_before_the_request_is_read() {
    let app = TestApp::without_stream().await;
    let token = app.host_token("hst_ada1");
    let bad = [json!({}), json!({ "email": "nothing" }), json!({ "email": MARY, "more": 1 }), json!([])];
    for path in [EXPORT, "/v1/guests/erase"] {
        for body in &bad {
            app.send_as(&token, Method::POST, path, Some(body)).await.expect_problem(403, "forbidden");
        }
        app.send_as(&token, Method::POST, path, None).await.expect_problem(403, "forbidden");
    }
    for path in ["/v1/jobs/job_none1?cursor=!", "/v1/jobs/job_none1?more=1", "/v1/jobs/-"] {
        app.send_as(&token, Method::GET, path, None).await.expect_problem(403, "forbidden");
    }
    assert!(items(&app).await.is_empty());
}
