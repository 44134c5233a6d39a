//! Hosts and event types beside those of the demo data.

use holdfast::domain::{EventType, Host};
use serde_json::{Value, json};

use crate::TestApp;

impl TestApp {
    /// Creates or replaces a host of the demo tenant: `id`, `name` and `schedule`.
    pub async fn put_host(&self, host: &Value) {
        let host: Host = serde_json::from_value(host.clone()).expect("a host");
        self.app().store.put_host(&self.tenant(), &host).await.expect("the table");
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
        let event_type = json!({
            "slug": slug, "host": host, "title": slug, "lengths": lengths, "interval": interval,
            "window_days": days, "active": true,
        });
        let event_type: EventType = serde_json::from_value(event_type).expect("an event type");
        assert_eq!(event_type.check(), Ok(()));
        self.app().store.put_event_type(&self.tenant(), &event_type).await.expect("the table");
    }
}
