//! Hosts and event types beside those of the demo data.

use holdfast::domain::{EventType, Host, HostId, HostSchedule, Tenant};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{Answer, TENANT, TestApp};

impl TestApp {
    /// A token of a host of the demo tenant.
    pub fn host_token(&self, host: &str) -> String {
        let config = &self.app().config;
        let [tenant, roles, of] = [&config.tenant_claim, &config.roles_claim, &config.host_claim];
        let claims =
            json!({ "sub": host, tenant.as_str(): TENANT, roles.as_str(): ["host"], of.as_str(): host });
        self.local.token(claims)
    }

    /// A request of the demo tenant's admin that expects a revision.
    pub async fn admin_if(&self, tag: &str, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let request = self.http().request(method, format!("{}{path}", self.local.url()));
        let request = request.bearer_auth(self.local.admin_token(TENANT)).header("if-match", tag);
        self.answered(match body {
            Some(body) => request.json(body),
            None => request,
        })
        .await
    }

    /// Creates or replaces a host of the demo tenant: `id`, `name` and `schedule`.
    pub async fn put_host(&self, host: &Value) {
        let mut header = host.clone();
        let hours = header.as_object_mut().and_then(|header| header.remove("schedule")).expect("a schedule");
        let id = host["id"].as_str().expect("an id").replace("hst_", "sch_");
        header["default_schedule"] = json!(id);
        let host: Host = serde_json::from_value(header).expect("a host");
        let schedule = json!({ "id": id, "host": host.id, "name": "Hours", "hours": hours });
        let schedule: HostSchedule = serde_json::from_value(schedule).expect("a schedule");
        let store = &self.app().store;
        store.put_host(&self.tenant(), &host).await.expect("the table");
        store.put_schedule(&self.tenant(), &schedule).await.expect("the table");
    }

    /// Makes a host of the demo tenant one of another tenant, too, under the same id and with the same hours.
    pub async fn copy_host(&self, host: &str, to: &Tenant) {
        let id: HostId = host.parse().expect("an id");
        let store = &self.app().store;
        let found = store.host(&self.tenant(), &id).await.expect("the table").expect("the host");
        store.put_host(to, &found.host).await.expect("the table");
        for schedule in &found.schedules {
            store.put_schedule(to, schedule).await.expect("the table");
        }
    }

    /// Creates a tenant beside the demo's.
    pub async fn put_tenant(&self, tenant: &Tenant) {
        let settings = json!({ "name": tenant, "zone": "UTC", "locale": "en", "revision": 1 });
        let settings = serde_json::from_value(settings).expect("settings");
        self.app().store.put_tenant(tenant, &settings).await.expect("the table");
    }

    /// Creates or replaces a host who has these hours in this zone on every day of the week:
    /// `&[("09:00", "17:00")]`.
    pub async fn put_daily_host(&self, id: &str, zone: &str, hours: &[(&str, &str)]) {
        let hours: Vec<Value> = hours.iter().map(|(from, to)| json!({ "from": from, "to": to })).collect();
        let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        let weekly: Value = days.into_iter().map(|day| (day.to_owned(), json!(hours))).collect();
        let schedule = json!({ "zone": zone, "weekly": weekly });
        self.put_host(&json!({ "id": id, "name": "Hedy Lamarr", "schedule": schedule })).await;
    }

    /// Creates or replaces a host who is open around the clock, in UTC.
    pub async fn put_open_host(&self, id: &str) {
        self.put_daily_host(id, "UTC", &[("00:00", "24:00")]).await;
    }

    /// Creates or replaces an event type without notice or buffers, in these lengths, starting every `interval`
    /// minutes, offered for so many days ahead.
    pub async fn put_event_type(&self, slug: &str, host: &str, lengths: &[u32], interval: u32, days: u32) {
        let fields = json!({ "lengths": lengths, "interval": interval, "window_days": days });
        self.put_team(slug, &[host], &fields).await;
    }

    /// Creates or replaces an event type of all these hosts, the organizer first, with these fields and `lengths`,
    /// `interval` and `window_days` among them.
    pub async fn put_team(&self, slug: &str, hosts: &[&str], fields: &Value) {
        let mut event_type = json!({ "slug": slug, "hosts": hosts, "title": slug, "active": true });
        let all = event_type.as_object_mut().expect("an object");
        all.extend(fields.as_object().expect("fields").clone());
        let event_type: EventType = serde_json::from_value(event_type).expect("an event type");
        assert_eq!(event_type.check(), Ok(()));
        self.app().store.put_event_type(&self.tenant(), &event_type).await.expect("the table");
    }
}
