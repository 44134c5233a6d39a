//! What a person sees: the consent page, an index, and an account's calendars by week. Plain HTML, no script.

use std::fmt::Write as _;

use axum::body::Body;
use chrono::{DateTime, Datelike as _, Days, NaiveDate, Utc};
use http::Response;

use super::Site;
use super::oauth::{Consent, ConsentRefused, describe, needs_consent};
use super::web::{self, Ask, Params, encode};
use super::world::{Account, Event, World};
use super::zone::Zone;

const STYLE: &str = "\
:root{color-scheme:light dark;--line:#8883;--soft:#707680;--accent:#3367d6}
*{box-sizing:border-box}
body{font:15px/1.5 system-ui,sans-serif;margin:0 auto;max-width:46rem;padding:2.5rem 1.25rem}
h1{font-size:1.35rem;font-weight:600;margin:0 0 .25rem}
h2{font-size:.85rem;font-weight:600;margin:1.5rem 0 .4rem;color:var(--soft)}
h2.today{color:var(--accent)}
p{margin:.25rem 0}a{color:var(--accent);text-decoration:none}
.quiet,.none{color:var(--soft)}
ul{list-style:none;margin:0;padding:0}
li{border-top:1px solid var(--line);padding:.45rem 0;display:flex;gap:1rem}
.when{flex:0 0 7.5rem;font-variant-numeric:tabular-nums;color:var(--soft)}
.free{opacity:.6}.tentative .what{font-style:italic}
.tag{font-size:.75rem;color:var(--soft);border:1px solid var(--line);border-radius:.6rem;padding:0 .45rem;margin-left:.4rem}
nav{display:flex;gap:1rem;margin:.75rem 0}
fieldset{border:1px solid var(--line);border-radius:.5rem;margin:1.25rem 0;padding:.6rem 1rem}
legend{color:var(--soft);padding:0 .3rem}label{display:block;padding:.3rem 0}
button{font:inherit;padding:.45rem 1.3rem;border:1px solid var(--line);border-radius:.4rem;background:none;cursor:pointer}
button[value=allow]{background:var(--accent);border-color:var(--accent);color:#fff}
code{font-size:.9em}";

/// Text made safe between tags and inside double quotes.
fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

/// Writes into a page. Writing to a string cannot fail.
macro_rules! put {
    ($page:expr, $($format:tt)*) => { write!($page, $($format)*).ok() };
}

fn page(status: u16, title: &str, head: &str, body: &str) -> Response<Body> {
    let title = escape(title);
    web::html(
        status,
        format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width\">{head}<title>{title}</title>\
             <style>{STYLE}</style></head><body>{body}</body></html>"
        ),
    )
}

/// `/`
pub(super) fn index(site: &Site) -> Response<Body> {
    let world = site.world();
    let mut body = String::from(
        "<h1>Simulated Google</h1><p class=\"quiet\">Calendars that exist on this machine only.</p><ul>",
    );
    for (email, account) in &world.accounts {
        let (link, email, name) = (encode(email), escape(email), escape(&account.name));
        put!(body, "<li><a href=\"/accounts/{link}\">{name}</a><span class=\"quiet\">{email}</span></li>");
    }
    body.push_str("</ul>");
    if world.accounts.is_empty() {
        body.push_str("<p class=\"none\">No accounts yet.</p>");
    }
    page(200, "Simulated Google", "", &body)
}

/// Why there is no consent page: Google's "Error 400: `redirect_uri_mismatch`".
pub(super) fn refused(error: &ConsentRefused) -> Response<Body> {
    let (code, message) = (escape(error.code), escape(&error.message));
    let body = format!(
        "<h1>Access blocked</h1><p>This app's request is invalid.</p>\
         <p class=\"quiet\"><code>Error 400: {code}</code></p><p class=\"quiet\">{message}</p>"
    );
    page(400, "Access blocked", "", &body)
}

/// The consent page: an account, a tick per scope, allow or cancel. The form carries the request.
pub(super) fn consent(site: &Site, consent: &Consent, asked: &Params) -> Response<Body> {
    let world = site.world();
    let host = escape(consent.redirect_uri.host_str().unwrap_or_default());
    let mut body = format!(
        "<h1>An app wants access to your account</h1><p class=\"quiet\">You will go on to {host}. \
         This is the simulated Google.</p><form method=\"post\" action=\"/o/oauth2/v2/auth/decision\">"
    );
    for (name, value) in &asked.0 {
        let name = if name == "scope" { "requested_scope" } else { name };
        let (name, value) = (escape(name), escape(value));
        put!(body, "<input type=\"hidden\" name=\"{name}\" value=\"{value}\">");
    }
    body.push_str("<fieldset><legend>Account</legend>");
    let hinted = consent.login_hint.as_deref().filter(|hint| world.accounts.contains_key(*hint));
    let chosen = hinted.or_else(|| world.accounts.keys().next().map(String::as_str));
    for (email, account) in &world.accounts {
        let checked = if Some(email.as_str()) == chosen { " checked" } else { "" };
        let (email, name) = (escape(email), escape(&account.name));
        put!(
            body,
            "<label><input type=\"radio\" name=\"account\" value=\"{email}\" required{checked}> {name} \
             <span class=\"quiet\">{email}</span></label>"
        );
    }
    body.push_str("</fieldset><fieldset><legend>What the app may do</legend>");
    for scope in &consent.scopes {
        let (value, text) = (escape(scope), escape(describe(scope)));
        if needs_consent(scope) {
            put!(
                body,
                "<label><input type=\"checkbox\" name=\"scope\" value=\"{value}\" checked> {text}</label>"
            );
        }
    }
    body.push_str(
        "</fieldset><button name=\"decision\" value=\"allow\">Allow</button> \
         <button name=\"decision\" value=\"deny\" formnovalidate>Cancel</button></form>",
    );
    page(200, "Allow access?", "", &body)
}

/// `/accounts/{email}?from=2026-11-16`: seven days of all of the account's calendars.
pub(super) fn account(site: &Site, email: &str, ask: &Ask) -> Response<Body> {
    let world = site.world();
    let Some(account) = world.accounts.get(email) else {
        return page(
            404,
            "No such account",
            "",
            "<h1>No such account</h1><p><a href=\"/\">All accounts</a></p>",
        );
    };
    let zone = world.calendars.get(email).map_or(Zone::UTC, |calendar| calendar.zone);
    let today = zone.local(site.now()).date_naive();
    let asked = ask.query.get("from").and_then(|from| from.parse().ok());
    let from = asked.filter(|from: &NaiveDate| (1970..2200).contains(&from.year())).unwrap_or(today);
    let week = Week { world: &world, account, zone, today };
    let body = week.render(email, from);
    page(200, &format!("{} - calendar", account.name), "<meta http-equiv=\"refresh\" content=\"15\">", &body)
}

struct Week<'a> {
    world: &'a World,
    account: &'a Account,
    zone: Zone,
    today: NaiveDate,
}

/// An event on the page, in the order in which a day is read: whole days first.
struct Line<'a> {
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    all_day: bool,
    id: &'a str,
    event: &'a Event,
    calendar: &'a str,
}

impl Week<'_> {
    fn render(&self, email: &str, from: NaiveDate) -> String {
        let (name, shown, link) = (escape(&self.account.name), escape(email), encode(email));
        let zone = self.zone;
        let mut body = format!("<h1>{name}</h1><p class=\"quiet\">{shown}, times in {zone}</p><nav>");
        for (label, start) in [("Earlier", from - Days::new(7)), ("Later", from + Days::new(7))] {
            put!(body, "<a href=\"/accounts/{link}?from={start}\">{label}</a>");
        }
        put!(body, "<a href=\"/accounts/{link}\">Today</a><a href=\"/\">All accounts</a></nav>");
        for date in from.iter_days().take(7) {
            let class = if date == self.today { " class=\"today\"" } else { "" };
            put!(body, "<h2{class}>{}</h2>", date.format("%A, %-d %B %Y"));
            let lines = self.lines(date);
            if lines.is_empty() {
                body.push_str("<p class=\"none\">Nothing.</p>");
                continue;
            }
            body.push_str("<ul>");
            for line in lines {
                self.put_line(&mut body, &line);
            }
            body.push_str("</ul>");
        }
        body
    }

    fn lines(&self, date: NaiveDate) -> Vec<Line<'_>> {
        let starts = self.zone.first_instant(date);
        let ends = self.zone.first_instant(date + Days::new(1));
        let mut lines = Vec::new();
        for calendar in self.account.listed.iter().filter_map(|listed| self.world.calendars.get(&listed.id)) {
            for (id, event) in calendar.events.iter().filter(|(_, event)| !event.is_cancelled()) {
                let Some((starts_at, ends_at)) = event.span(calendar.zone) else { continue };
                if starts_at < ends && (ends_at > starts || starts_at >= starts) {
                    let all_day = event.fields.get("start").is_some_and(|start| start.get("date").is_some());
                    let calendar = &calendar.summary;
                    lines.push(Line { starts_at, ends_at, all_day, id, event, calendar });
                }
            }
        }
        lines.sort_by_key(|line| (!line.all_day, line.starts_at, line.id));
        lines
    }

    fn put_line(&self, body: &mut String, line: &Line<'_>) {
        let event = line.event;
        let clock = |time: DateTime<Utc>| self.zone.local(time).format("%H:%M").to_string();
        let when = if line.all_day {
            "all day".to_owned()
        } else {
            format!("{} - {}", clock(line.starts_at), clock(line.ends_at))
        };
        let free = event.text("transparency") == "transparent";
        let tentative = event.text("status") == "tentative";
        let class = [("free", free), ("tentative", tentative)]
            .iter()
            .filter_map(|(name, on)| on.then_some(*name))
            .collect::<Vec<_>>()
            .join(" ");
        let summary = match event.text("summary") {
            "" => "(No title)".to_owned(),
            summary => escape(summary),
        };
        put!(
            body,
            "<li id=\"{}\" class=\"{class}\"><span class=\"when\">{when}</span><span class=\"what\">{summary}\
             <span class=\"tag\">{}</span>",
            escape(line.id),
            escape(line.calendar),
        );
        for (tag, on) in [("free", free), ("tentative", tentative)] {
            if on {
                put!(body, "<span class=\"tag\">{tag}</span>");
            }
        }
        if !event.text("location").is_empty() {
            put!(body, "<br><span class=\"quiet\">{}</span>", escape(event.text("location")));
        }
        if !event.text("hangoutLink").is_empty() {
            put!(body, "<br><span class=\"quiet\">{}</span>", escape(event.text("hangoutLink")));
        }
        body.push_str("</span></li>");
    }
}
