//! A look at the cells themselves.

use chrono::{DateTime, Utc};
use holdfast::domain::{CellOwner, Day, DayState, HostId};
use reqwest::Method;
use serde_json::json;

use crate::{Answer, TENANT, TestApp};

impl TestApp {
    /// Gives a hold back.
    pub async fn release(&self, hold: &str) -> Answer {
        let path = format!("/v1/tenants/{TENANT}/holds/release");
        self.send(Method::POST, &path, Some(&json!({ "hold": hold }))).await
    }

    /// The days of a host as they are stored, from one UTC date through another.
    pub async fn days(&self, host: &str, from: &str, to: &str) -> Vec<DayState> {
        let (from, to): (Day, Day) = (from.parse().expect("a day"), to.parse().expect("a day"));
        let host: HostId = host.parse().expect("a host");
        self.app().store.days_strong(&self.tenant(), &host, from, to).await.expect("the table").days
    }

    /// The cells of a host that belong to bookings, as the instants at which they begin.
    pub async fn booked_cells(&self, host: &str, from: &str, to: &str) -> Vec<DateTime<Utc>> {
        self.cells(host, from, to, |owner| owner == CellOwner::BOOKED).await
    }

    /// The cells of a host that are held at present.
    pub async fn held_cells(&self, host: &str, from: &str, to: &str) -> Vec<DateTime<Utc>> {
        let now = self.now();
        self.cells(host, from, to, |owner| owner != CellOwner::BOOKED && owner.is_alive(now)).await
    }

    async fn cells(
        &self,
        host: &str,
        from: &str,
        to: &str,
        wanted: impl Fn(CellOwner) -> bool,
    ) -> Vec<DateTime<Utc>> {
        let days = self.days(host, from, to).await;
        let mut cells: Vec<_> = days
            .iter()
            .flat_map(|day| day.owners.iter().map(move |(cell, owner)| (day.day, *cell, *owner)))
            .filter(|(_, _, owner)| wanted(*owner))
            .map(|(day, cell, _)| day.start().instant() + chrono::TimeDelta::minutes(5 * i64::from(cell)))
            .collect();
        cells.sort();
        cells
    }
}
