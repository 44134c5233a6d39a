//! Every text of the pages, by language. A language is one more [`Texts`]; what stands in braces is filled in.

use chrono::{Datelike, NaiveDate, Timelike};
use holdfast::domain::{Span, Tick, Ticks, Zone};

macro_rules! texts {
    ($($name:ident: $english:literal,)*) => {
        /// The texts of one language.
        #[derive(Debug)]
        pub(crate) struct Texts {
            /// Its tag.
            pub(crate) lang: &'static str,
            weekdays: [&'static str; 7],
            months: [&'static str; 12],
            $(pub(crate) $name: &'static str,)*
        }

        static ENGLISH: Texts = Texts {
            lang: "en",
            weekdays: ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
            months: [
                "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
                "November", "December",
            ],
            $($name: $english,)*
        };
    };
}

texts! {
    skip: "Skip to the content",
    powered: "Scheduling by Holdfast",

    // A tenant's list.
    choose_event: "What would you like to book?",
    nothing_offered: "There is nothing to book here at present.",

    // A week.
    choose_time: "Choose a time",
    previous_week: "Previous week",
    next_week: "Next week",
    length: "Length",
    zone: "Time zone",
    change_zone: "Change",
    asks_host: "{host} confirms each booking.",
    nothing_this_week: "Nothing is free in this week.",
    nothing_at_all: "Nothing is free at present. Please look again later.",
    calendar_unavailable: "The calendar cannot be read at the moment, so no times can be shown. Please try again in a few minutes.",
    next_free: "Go to {date}, the next week with free times",

    // Where.
    where_conference: "Video call; you get the link after booking",
    where_guest_phone: "By phone; {host} calls you",
    where_host_phone: "By phone; you get the number after booking",
    where_video: "Video call; you get the link after booking",

    // The guest's details.
    your_details: "Your details",
    kept_until: "This time is kept for you until {time}.",
    kept_for: "Kept for you for another",
    one_minute_left: "One minute left to book this time.",
    kept_no_more: "The time is no longer kept for you. Book anyway: if it is still free, it is yours.",
    other_time: "Choose another time",
    name: "Your name",
    email: "E-mail address",
    phone: "Phone number",
    phone_hint: "{host} calls you at this number.",
    notes: "Anything else {host} should know?",
    optional: "optional",
    choose: "Choose one",
    book: "Book",
    ask: "Ask for this time",
    data_note: "Your details go to {tenant}.",
    error_prefix: "Error",
    errors_title: "Please check these answers",
    wrong_name: "Enter your name, in at most 200 characters",
    wrong_email: "Enter an e-mail address, like name@example.com",
    wrong_phone: "Enter a phone number, like +44 20 7946 0000",
    wrong_notes: "Shorten your notes to 4000 characters",
    wrong_choice: "Choose one of the answers",
    wrong_tick: "Tick the box",
    wrong_text: "Answer this, in at most 500 characters",
    wrong_long: "Answer this, in at most 4000 characters",
    hold_renewed: "Your time had run out. It was still free, and is kept for you again: please press the button once more.",
    try_again: "That did not work just now. Nothing is lost: please press the button again in a moment.",
    calendar_silent: "{host}'s calendar cannot be asked at the moment. Your time is still kept: please press the button again in a minute.",

    // Taken.
    taken_title: "This time has just been taken",
    taken_lead: "Somebody was faster. These times nearby are still free:",
    full_title: "This day is full",
    full_lead: "No more bookings are taken on it. These times are free:",
    taken_none: "There is nothing else free nearby.",
    see_offers: "See what can be booked",
    see_week: "See all free times",

    // A booking.
    status_pending: "Waiting for {host}",
    status_confirmed: "Booked",
    status_in_progress: "Under way",
    status_completed: "This has taken place",
    status_cancelled: "Cancelled",
    status_declined: "Declined",
    status_no_show: "You were missed",
    status_past: "This time has passed",
    about_pending: "The time is kept for you. You hear as soon as {host} has said yes or no.",
    about_confirmed: "Keep this page's address: here you can change your booking at any time.",
    about_cancelled: "This booking was called off. The time is free again.",
    about_declined: "{host} cannot take this time. You are welcome to choose another one.",
    what: "What",
    when: "When",
    who: "With",
    place: "Where",
    you: "Booked by",
    reason: "Reason",
    join: "Join the call",
    link_soon: "The link to the call appears here in a moment.",
    link_failed: "The link to the call comes from {host}.",
    calls_you: "{host} calls you at {phone}",
    call_host: "Call {phone}",
    add_to_calendar: "Add to your calendar",
    move_booking: "Move to another time",
    cancel_booking: "Cancel this booking",
    cancel_sure: "Really cancel? The time is then free for others.",
    cancel_reason: "Reason",
    cancel_yes: "Yes, cancel it",
    too_late_to_change: "It is too late to change this booking here.",
    too_late_to_move: "It is too late to move this booking here.",
    too_late_to_cancel: "It is too late to cancel this booking here.",
    book_again: "Book another time",
    move_title: "Move your booking",
    move_from: "Now: {when}",
    keep_booking: "Keep it as it is",

    // What goes wrong.
    not_found_title: "This page is not here",
    not_found: "The address may be mistyped, or what was here is no longer offered.",
    unknown_booking: "There is no such booking, or the link is not complete. Use the whole link from when you booked.",
    used_title: "You have booked already",
    used: "This time was booked with other details. Look for the page of your booking.",
    not_offered_title: "This time is not offered",
    not_offered: "It may have become too soon, or too far ahead. Please choose another one.",
    refused_title: "That was not possible",
    refused: "Something about the request was not right. Go back, and try it again.",
    busy_title: "Just a moment",
    busy: "There is a lot going on at present, and nothing is lost. Please try again in a moment.",
    silent_title: "The calendar does not answer",
    silent: "It cannot be read at the moment. Please try again in a minute.",
    crowded_title: "Many people are booking",
    crowded: "Much of this calendar is being held for others. Please try again in a few minutes.",
    changed_title: "This booking cannot be changed",
    changed: "What was booked is no longer offered.",
    failed_title: "Something went wrong",
    failed: "It is our fault, and we can see it. Please try again later.",
}

impl Texts {
    /// The texts of a tenant's language. So far there is one.
    pub(crate) fn of(_locale: &str) -> &'static Self {
        &ENGLISH
    }

    /// The texts of a page that belongs to no tenant.
    pub(crate) fn usual() -> &'static Self {
        &ENGLISH
    }

    /// `Monday 23 November`.
    pub(crate) fn day(&self, date: NaiveDate) -> String {
        format!("{} {}", self.weekday(date), self.day_of_month(date))
    }

    /// `Monday`.
    pub(crate) fn weekday(&self, date: NaiveDate) -> &'static str {
        self.weekdays.get(date.weekday().num_days_from_monday() as usize).copied().unwrap_or_default()
    }

    /// `23 November`.
    pub(crate) fn day_of_month(&self, date: NaiveDate) -> String {
        format!("{} {}", date.day(), self.month(date))
    }

    /// `23 November 2026`.
    pub(crate) fn date(&self, date: NaiveDate) -> String {
        format!("{} {} {}", date.day(), self.month(date), date.year())
    }

    /// `23 - 29 November 2026`, with as much of the first date as differs.
    pub(crate) fn week(&self, monday: NaiveDate, sunday: NaiveDate) -> String {
        let first = if monday.year() != sunday.year() {
            self.date(monday)
        } else if monday.month() != sunday.month() {
            format!("{} {}", monday.day(), self.month(monday))
        } else {
            monday.day().to_string()
        };
        format!("{first} \u{2013} {}", self.date(sunday))
    }

    /// `Monday 23 November 2026, 09:30 - 10:00`.
    pub(crate) fn slot(&self, slot: Span, zone: Zone) -> String {
        let [start, end] = [slot.start, slot.end].map(|tick| tick.instant().with_timezone(&zone));
        let date = start.date_naive();
        format!("{} {}, {}", self.day(date), date.year(), self.hours(start.time(), end.time()))
    }

    /// `09:30`.
    pub(crate) fn time(&self, tick: Tick, zone: Zone) -> String {
        self.clock(tick.instant().with_timezone(&zone).time())
    }

    /// `09:30`.
    pub(crate) fn clock(&self, time: chrono::NaiveTime) -> String {
        let _ = self.lang;
        format!("{:02}:{:02}", time.hour(), time.minute())
    }

    /// On one line: a dash ends a line unless a word joiner follows it, whatever space comes then.
    fn hours(&self, start: chrono::NaiveTime, end: chrono::NaiveTime) -> String {
        format!("{}\u{a0}\u{2013}\u{2060}\u{a0}{}", self.clock(start), self.clock(end))
    }

    /// `1 h 30 min`.
    pub(crate) fn long(&self, length: Ticks) -> String {
        let _ = self.lang;
        match (length.minutes() / 60, length.minutes() % 60) {
            (0, minutes) => format!("{minutes} min"),
            (hours, 0) => format!("{hours} h"),
            (hours, minutes) => format!("{hours} h {minutes} min"),
        }
    }

    fn month(&self, date: NaiveDate) -> &'static str {
        self.months.get(date.month0() as usize).copied().unwrap_or_default()
    }
}

/// A zone's name, as it is read.
pub(crate) fn zone(zone: Zone) -> String {
    zone.name().replace('_', " ")
}

/// A text with something in the place of `{name}`.
pub(crate) fn fill(text: &str, name: &str, value: &str) -> String {
    text.replace(&format!("{{{name}}}"), value)
}

#[cfg(test)]
mod tests {
    use holdfast::domain::zone::named;

    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_week_names_as_much_of_its_first_date_as_differs() {
        let week = |monday, sunday| ENGLISH.week(date(monday), date(sunday));
        assert_eq!(week("2026-11-23", "2026-11-29"), "23 \u{2013} 29 November 2026");
        assert_eq!(week("2026-11-30", "2026-12-06"), "30 November \u{2013} 6 December 2026");
        assert_eq!(week("2026-12-28", "2027-01-03"), "28 December 2026 \u{2013} 3 January 2027");
    }

    #[test]
    fn a_slot_stands_on_the_clock_of_its_zone() {
        let start = Tick::floor("2026-11-23T23:30:00Z".parse().unwrap());
        let slot = Span::new(start, start + Ticks::from_minutes(90).unwrap());
        let text = ENGLISH.slot(slot, Zone::from(named::Asia::Kolkata));
        assert_eq!(text, "Tuesday 24 November 2026, 05:00\u{a0}\u{2013}\u{2060}\u{a0}06:30");
        assert_eq!(ENGLISH.long(slot.len()), "1 h 30 min");
        assert_eq!(ENGLISH.long(Ticks::from_minutes(120).unwrap()), "2 h");
    }

    #[test]
    fn what_is_filled_in_is_not_filled_in_again() {
        assert_eq!(fill("{host} and {host}", "host", "{host}"), "{host} and {host}");
    }
}
