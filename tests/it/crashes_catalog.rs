//! A process that dies at any one of its calls while it changes the catalogue: everything of the act is there, or
//! nothing, and whoever comes back can do it again.

use std::collections::BTreeSet;
use std::future::Future;

use holdfast::App;
use holdfast::domain::{EventType, EventTypeSlug, Host, HostId, Hosts, ScheduleId, TenantSettings};
use holdfast::flows::{
    CatalogError, Expected, NewHost, NewSchedule, add_event_type, add_host, add_schedule, change_event_type,
    change_host, change_schedule, find_event_type, find_host, find_schedule, find_tenant, list_event_types,
    list_hosts, list_schedules, remove_event_type, remove_host, remove_schedule, store_tenant,
};
use serde_json::{Value, json};
use tests::{ADA, TestApp};

use super::crashes::{admin, deaths, print, tenant};

/// What is there by halves: a host without its pointer or default schedule, a schedule without host or pointer, a
/// pointer to nothing, an event type whose host or schedule is gone.
async fn halves(app: &TestApp) -> Vec<String> {
    let items = app.items().await;
    let text = |item: &Value, name: &str| item[name]["S"].as_str().unwrap_or_default().to_owned();
    let keys: BTreeSet<_> = items.iter().map(|item| (text(item, "pk"), text(item, "sk"))).collect();
    let mut wanted = Vec::new();
    for item in &items {
        let (pk, sk) = (text(item, "pk"), text(item, "sk"));
        let tenant = pk.split("#H#").next().unwrap_or_default().to_owned();
        let partition = |host: &str| format!("{tenant}#H#{host}");
        let mut want = |pk: String, sk: String| wanted.push((pk, sk));
        if sk == "HOST" {
            want(tenant.clone(), format!("HST#{}", text(item, "id")));
            want(pk.clone(), format!("HOST#S#{}", text(item, "default_schedule")));
        } else if let Some(id) = sk.strip_prefix("HOST#S#") {
            want(tenant.clone(), format!("SCH#{id}"));
            want(pk.clone(), "HOST".to_owned());
        } else if let Some(id) = sk.strip_prefix("HST#") {
            want(partition(id), "HOST".to_owned());
        } else if let Some(id) = sk.strip_prefix("SCH#") {
            want(partition(&text(item, "host")), format!("HOST#S#{id}"));
        } else if sk.starts_with("ETYPE#") {
            let hosts = item["hosts"]["L"].as_array().expect("hosts");
            for host in hosts {
                want(partition(host["S"].as_str().unwrap()), "HOST".to_owned());
            }
            let schedule = text(item, "schedule");
            if !schedule.is_empty() {
                want(partition(hosts[0]["S"].as_str().unwrap()), format!("HOST#S#{schedule}"));
            }
        }
    }
    wanted.into_iter().filter(|key| !keys.contains(key)).map(|(pk, sk)| format!("{pk} {sk}")).collect()
}

/// An act on what was prepared for it, which dies at each of its calls.
async fn an_act_dies<P, T, F>(
    app: &TestApp,
    name: &str,
    prepare: impl AsyncFn() -> P,
    act: impl Fn(App, P) -> F,
) where
    P: Clone,
    T: Send + 'static,
    F: Future<Output = Result<T, CatalogError>> + Send + 'static,
{
    let prepared = prepare().await;
    let (done, points) = app.record(|process| act(process, prepared)).await;
    assert!(done.is_ok(), "{name}: {:?}", done.err());
    print(name, &points);
    for (point, death) in deaths(&points) {
        let prepared = prepare().await;
        let crashed = app.crash(point, death, |process| act(process, prepared.clone())).await;
        let after = format!("{name}, {death:?} at {point:?}");
        assert_eq!(halves(app).await, Vec::<String>::new(), "{after}");
        // Whoever comes back does it again, or finds it done.
        let again = act(app.process(), prepared).await;
        let is_done = matches!(
            again,
            Ok(_)
                | Err(CatalogError::UnknownHost
                    | CatalogError::UnknownSchedule
                    | CatalogError::UnknownEventType
                    | CatalogError::SlugTaken)
        );
        assert!(is_done, "{after}: {:?}", again.err());
        crashed.arrive();
        assert_eq!(halves(app).await, Vec::<String>::new(), "{after}, arrived");
    }
}

async fn new_host(process: &App) -> Host {
    let new = NewHost { name: "Emmy Noether".to_owned(), email: None, hours: None };
    add_host(process, &tenant(), &new).await.unwrap()
}

async fn new_schedule(process: &App, host: &HostId) -> ScheduleId {
    let hours = process.store.host(&tenant(), host).await.unwrap().unwrap().schedules[0].hours.clone();
    let new = NewSchedule { host: host.clone(), name: "Other".to_owned(), hours };
    add_schedule(process, &admin(), &new).await.unwrap().id
}

fn an_event_type(host: &HostId) -> EventType {
    let slug = format!("type-{:08x}", fastrand::u32(..));
    serde_json::from_value(json!({
        "slug": slug, "hosts": [host], "title": "X", "lengths": [30], "interval": 30, "window_days": 30, "active": true,
    }))
    .unwrap()
}

#[tokio::test]
async fn a_change_of_tenant_or_host_that_dies_is_done_or_not() {
    let app = TestApp::without_stream().await;
    let settings = async || {
        let before = app.app().store.tenant(&tenant()).await.unwrap().unwrap();
        TenantSettings { name: format!("{} again", before.name), ..before }
    };
    an_act_dies(&app, "store a tenant", settings, |process, settings| async move {
        store_tenant(&process, &tenant(), &Expected::Whatever, &settings).await
    })
    .await;
    let nothing = async || ();
    an_act_dies(&app, "add a host", nothing, |process, ()| async move {
        let new = NewHost { name: "Emmy Noether".to_owned(), email: None, hours: None };
        add_host(&process, &tenant(), &new).await
    })
    .await;
    let with_two = async || {
        let host = new_host(app.app()).await;
        (host.id.clone(), new_schedule(app.app(), &host.id).await)
    };
    an_act_dies(&app, "change a host", with_two, |process, (id, schedule)| async move {
        let apply = |host: &mut Host| host.default_schedule = schedule.clone();
        change_host(&process, &admin(), &id, &Expected::Whatever, false, apply).await
    })
    .await;
    an_act_dies(&app, "remove a host", with_two, |process, (id, _)| async move {
        remove_host(&process, &tenant(), &id, &Expected::Whatever).await
    })
    .await;
}

#[tokio::test]
async fn a_change_of_a_schedule_or_an_event_type_that_dies_is_done_or_not() {
    let app = TestApp::without_stream().await;
    let host = new_host(app.app()).await.id;
    an_act_dies(
        &app,
        "add a schedule",
        async || host.clone(),
        |process, host| async move {
            let hours = process.store.host(&tenant(), &host).await?.unwrap().schedules[0].hours.clone();
            add_schedule(&process, &admin(), &NewSchedule { host, name: "X".to_owned(), hours }).await
        },
    )
    .await;
    let schedule = async || new_schedule(app.app(), &host).await;
    an_act_dies(&app, "change a schedule", schedule, |process, id| async move {
        let apply = |schedule: &mut holdfast::domain::HostSchedule| schedule.name.push_str(" again");
        change_schedule(&process, &admin(), &id, &Expected::Whatever, apply).await
    })
    .await;
    an_act_dies(&app, "remove a schedule", schedule, |process, id| async move {
        remove_schedule(&process, &admin(), &id, &Expected::Whatever).await
    })
    .await;
    let fresh = async || EventType { schedule: Some(schedule().await), ..an_event_type(&host) };
    an_act_dies(&app, "add an event type", fresh, |process, new| async move {
        add_event_type(&process, &admin(), &new).await
    })
    .await;
    let added = async || add_event_type(app.app(), &admin(), &fresh().await).await.unwrap().slug;
    an_act_dies(&app, "change an event type", added, |process, slug: EventTypeSlug| async move {
        let to: HostId = ADA.parse().unwrap();
        let apply = |event_type: &mut EventType| {
            (event_type.hosts, event_type.schedule) = (Hosts::one(to.clone()), None);
        };
        change_event_type(&process, &admin(), &slug, &Expected::Whatever, apply).await
    })
    .await;
    an_act_dies(&app, "remove an event type", added, |process, slug: EventTypeSlug| async move {
        remove_event_type(&process, &admin(), &slug, &Expected::Whatever).await
    })
    .await;
}

#[tokio::test]
async fn whoever_only_reads_the_catalogue_and_dies_has_changed_nothing() {
    let app = TestApp::without_stream().await;
    let before = app.items().await;
    let nothing = async || ();
    an_act_dies(&app, "find a tenant", nothing, |process, ()| async move {
        find_tenant(&process, &tenant()).await
    })
    .await;
    an_act_dies(&app, "find a host", nothing, |process, ()| async move {
        find_host(&process, &admin(), &ADA.parse().unwrap()).await
    })
    .await;
    an_act_dies(&app, "find a schedule", nothing, |process, ()| async move {
        find_schedule(&process, &admin(), &"sch_ada1".parse().unwrap()).await
    })
    .await;
    an_act_dies(&app, "find an event type", nothing, |process, ()| async move {
        find_event_type(&process, &admin(), &"intro".parse().unwrap()).await
    })
    .await;
    an_act_dies(&app, "list hosts", nothing, |process, ()| async move {
        list_hosts(&process, &admin(), None, 50).await
    })
    .await;
    an_act_dies(&app, "list schedules", nothing, |process, ()| async move {
        list_schedules(&process, &admin(), None, None, 50).await
    })
    .await;
    an_act_dies(&app, "list event types", nothing, |process, ()| async move {
        list_event_types(&process, &admin(), None, None, 50).await
    })
    .await;
    assert!(before == app.items().await);
}
