//! A host and everything that belongs to it, made through the API. Each of its texts has its label in it, so that one
//! that comes out where it should not is recognised.

use reqwest::Method;
use serde_json::{Value, json};
use tests::{Answer, TestApp};

/// Where every walk's bookings, holds and moves lie.
const BOOKED: &str = "2026-11-24T10:00:00Z";
const HELD: &str = "2026-11-24T11:00:00Z";
const FREE: &str = "2026-11-24T13:00:00Z";

/// What one host of a tenant has, in ids and words.
#[derive(Clone, Debug)]
pub(crate) struct Things {
    pub(crate) label: String,
    pub(crate) tenant: String,
    pub(crate) host: String,
    /// One more than the host's first, which a new event type may name.
    pub(crate) schedule: String,
    pub(crate) slug: String,
    pub(crate) integration: String,
    pub(crate) account: String,
    /// A pending booking.
    pub(crate) booking: String,
    pub(crate) manage: String,
    pub(crate) hold: String,
    pub(crate) job: String,
    pub(crate) guest_email: String,
}

/// A tenant, made by its own admin's first request.
pub(crate) async fn found(app: &TestApp, tenant: &str) {
    let settings = json!({ "name": format!("The {tenant} company"), "time_zone": "UTC", "locale": "en" });
    let token = app.local.admin_token(tenant);
    app.send_as(&token, Method::PUT, "/v1/tenant", Some(&settings)).await.expect(201);
}

/// Whether an item is a job or some of what one has found.
pub(crate) fn is_of_a_job(item: &Value) -> bool {
    let sort = item["sk"]["S"].as_str().expect("a sort key");
    ["JOB#", "JOBRESULT#"].iter().any(|prefix| sort.starts_with(prefix))
}

impl Things {
    /// A host and all that it has, in a tenant that is there.
    pub(crate) async fn make(app: &TestApp, tenant: &str, label: &str) -> Self {
        let admin = app.local.admin_token(tenant);
        let make = async |path: &str, body: Value| {
            app.send_as(&admin, Method::POST, path, Some(&body)).await.expect(201).clone()
        };
        let hours = json!([{ "from": "00:00", "to": "24:00" }]);
        let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        let weekly: Value = days.into_iter().map(|day| (day.to_owned(), hours.clone())).collect();
        let (name, email) = (format!("Host {label}"), format!("host.{label}@example.com"));
        let hours = json!({ "time_zone": "UTC", "weekly": weekly });
        let host = make("/v1/hosts", json!({ "name": name, "email": email, "hours": hours })).await;
        let host = text(&host, "id");
        let schedule = json!({ "host": host, "name": format!("Hours of {label}"), "time_zone": "UTC", "weekly": weekly });
        let schedule = text(&make("/v1/schedules", schedule).await, "id");
        let slug = format!("tea-{label}");
        let event_type = json!({
            "slug": slug, "host": host, "title": format!("Tea with {label}"), "lengths": [30], "notice": 0,
            "description": format!("About {label}"), "needs_confirmation": true, "active": true,
        });
        make("/v1/event-types", event_type).await;
        let account = format!("account.{label}@example.com");
        let integration = connect(app, &admin, &host, &account).await;
        let guest_email = format!("guest.{label}@example.com");
        let guest = json!({ "name": format!("Guest {label}"), "email": guest_email, "time_zone": "UTC" });
        let booking = json!({
            "event_type": slug, "start": BOOKED, "guest": guest, "notes": format!("Notes of {label}"),
            "answers": { "q": label }, "metadata": { "m": label },
        });
        let public = async |what: &str, body: Value| {
            let path = format!("/v1/tenants/{tenant}/{what}");
            app.send(Method::POST, &path, Some(&body)).await.expect(201).clone()
        };
        let booking = public("bookings", booking).await;
        let hold = public("holds", json!({ "event_type": slug, "start": HELD })).await;
        let export = json!({ "email": guest_email });
        let job = app.send_as(&admin, Method::POST, "/v1/guests/export", Some(&export)).await;
        let job = job.expect(202).clone();
        Self {
            label: label.to_owned(),
            tenant: tenant.to_owned(),
            host,
            schedule,
            slug,
            integration,
            account,
            booking: text(&booking, "id"),
            manage: text(&booking, "manage_token"),
            hold: text(&hold, "hold"),
            job: text(&job, "id"),
            guest_email,
        }
    }

    /// A token of the host's.
    pub(crate) fn host_token(&self, app: &TestApp) -> String {
        let claims = json!({ "sub": self.host, "tenant": self.tenant, "roles": ["host"], "host": self.host });
        app.local.token(claims)
    }

    /// A token of its tenant's admin.
    pub(crate) fn admin_token(&self, app: &TestApp) -> String {
        app.local.admin_token(&self.tenant)
    }

    /// What it has, by what it is.
    pub(crate) fn all(&self) -> [(&'static str, &str); 11] {
        [
            ("tenant", &self.tenant),
            ("host", &self.host),
            ("schedule", &self.schedule),
            ("slug", &self.slug),
            ("integration", &self.integration),
            ("account", &self.account),
            ("booking", &self.booking),
            ("manage", &self.manage),
            ("hold", &self.hold),
            ("job", &self.job),
            ("email", &self.guest_email),
        ]
    }

    /// What this text of its own is, and what stands for it at somebody else's.
    pub(crate) fn at(&self, text: &str, other: &Self) -> Option<(&'static str, String)> {
        let found = self.all().into_iter().zip(other.all()).find(|((_, own), _)| *own == text);
        let ((what, own), (_, theirs)) = found?;
        (own != theirs).then(|| (what, theirs.to_owned()))
    }

    /// The items of a table that are its own or speak of it, other than jobs of other tenants: those may ask for the same
    /// guest.
    pub(crate) fn items<'a>(&self, table: &'a [Value]) -> Vec<&'a Value> {
        let its_tenant = format!("T#{}", self.tenant);
        let is_own = |item: &&Value| {
            let partition = item["pk"]["S"].as_str().expect("a partition");
            let is_others_job = partition != its_tenant && is_of_a_job(item);
            let item = item.to_string();
            !is_others_job && [&self.host, &self.booking, &self.label].iter().any(|mark| item.contains(*mark))
        };
        table.iter().filter(is_own).collect()
    }

    /// Fails when anything of its own stands in an answer, other than what the request said itself.
    #[track_caller]
    pub(crate) fn assert_not_in(&self, answer: &Answer, said: &[String], shown: &str) {
        let mut heard = answer.whole();
        for said in said {
            heard = heard.replace(said, "");
        }
        for mark in self.all().iter().map(|(_, mark)| *mark).chain([&*self.label]) {
            assert!(!heard.contains(mark), "{mark} in the answer to {shown}: {heard}");
        }
    }

    pub(super) fn in_path(&self, path: &str, name: &str) -> String {
        let of = |start: &str| path.starts_with(start);
        let value = match name {
            "tenant" => &self.tenant,
            "slug" => &self.slug,
            "id" if of("/v1/bookings/") || of("/v1/tenants/{tenant}/bookings/") || of("/manage/") => {
                &self.booking
            }
            "id" if of("/v1/hosts/") => &self.host,
            "id" if of("/v1/schedules/") => &self.schedule,
            "id" if of("/v1/integrations/") => &self.integration,
            "id" if of("/v1/jobs/") => &self.job,
            "provider" => "google",
            "file" => "style.css",
            _ => panic!("{path}: what is {name}?"),
        };
        value.to_owned()
    }

    /// `None` leaves a parameter out.
    pub(super) fn in_query(&self, operation: &str, name: &str) -> Option<String> {
        let value = match (operation, name) {
            (_, "status" | "calendar_sync" | "cursor" | "limit" | "length" | "error") => return None,
            ("list_bookings", "from") => "2026-11-20T00:00:00Z",
            ("list_bookings", "to") => "2026-12-20T00:00:00Z",
            ("list_slots", "from") => "2026-11-24",
            ("list_slots", "to") => "2026-11-25",
            ("get_availability", "start") => FREE,
            (_, "host") => &self.host,
            (_, "event_type") => &self.slug,
            (_, "guest_email" | "email") => &self.guest_email,
            (_, "token") => &self.manage,
            (_, "zone" | "time_zone") => "UTC",
            (_, "keep_events" | "mail_guests") => "false",
            (_, "week") => "2026-11-23",
            (_, "state" | "code") => "nothing",
            _ => panic!("{operation}: what is {name}?"),
        };
        Some(value.to_owned())
    }

    pub(super) fn bodies(&self, operation: &str, schema: &str) -> Vec<Value> {
        let guest = json!({ "name": "Mary", "email": "mary@example.com", "time_zone": "UTC" });
        let slot = json!({ "event_type": self.slug, "start": FREE, "guest": guest });
        let body = match schema {
            "BookingRequest" => {
                let held = json!({ "hold": self.hold, "guest": guest });
                return if operation == "make_booking" { vec![slot] } else { vec![held, slot] };
            }
            "TenantRequest" => json!({ "name": "A company", "time_zone": "UTC", "locale": "en" }),
            "HostRequest" => json!({ "name": "Somebody new" }),
            "HostPatch" => json!({
                "default_schedule": self.schedule,
                "write_to": { "integration": self.integration, "calendar": self.account },
            }),
            "ScheduleRequest" => {
                json!({ "host": self.host, "name": "New hours", "time_zone": "UTC", "weekly": {} })
            }
            "SchedulePatch" => json!({ "name": "Other hours" }),
            "EventTypeRequest" => json!({
                "slug": "new", "host": self.host, "title": "New", "lengths": [30], "schedule": self.schedule,
            }),
            "EventTypePatch" => json!({ "host": self.host, "schedule": self.schedule }),
            "BookingPatch" => json!({ "notes": "Other notes" }),
            "ReasonRequest" => json!({ "reason": "No time" }),
            "RescheduleRequest" => json!({ "start": FREE }),
            "GuestJobRequest" => json!({ "email": self.guest_email }),
            "SettingsRequest" => json!({ "target_calendar": self.account, "enabled": true }),
            "ConnectRequest" => json!({ "host": self.host }),
            "HoldRequest" => json!({ "event_type": self.slug, "start": FREE }),
            "ReleaseRequest" => json!({ "hold": self.hold }),
            "BookForm" => json!({
                "hold": self.hold, "name": "Mary", "email": "mary@example.com", "time_zone": "UTC",
            }),
            "HoldForm" => json!({ "start": FREE, "zone": "UTC" }),
            "MoveForm" => json!({ "start": FREE, "zone": "UTC", "token": self.manage }),
            "CancelForm" => json!({ "token": self.manage, "reason": "No time" }),
            "ApproveForm" => json!({ "approve": "nothing" }),
            other => panic!("{operation}: what is in a {other}?"),
        };
        vec![body]
    }
}

async fn connect(app: &TestApp, admin: &str, host: &str, account: &str) -> String {
    app.google().add_account(account, account);
    let path = "/v1/integrations/google/connect";
    let started = app.send_as(admin, Method::POST, path, Some(&json!({ "host": host }))).await;
    let url = text(started.expect(200), "authorization_url");
    let cookie = started.header("set-cookie").unwrap();
    let back = app.google().consent(&url, account, &[]).unwrap();
    app.come_back(back.as_str(), cookie.split(';').next().unwrap()).await.expect(200);
    let all = app.send_as(admin, Method::GET, &format!("/v1/integrations?host={host}"), None).await;
    text(&all.expect(200)["integrations"][0], "id")
}

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_else(|| panic!("{field} of {value}")).to_owned()
}
