//! The one body that is written by hand: a month of free slots is 50 KB, and serde would spend on them more than
//! twenty times what it takes to find them.
//!
//! The one rule: slots of one date and offset share their text, and only the digits of their clocks are set for
//! each. A slot that ends on another date or offset than it starts is written whole. The bytes are those that
//! serde would write of [`SlotsView`](super::views::SlotsView); a test holds the two together in every zone.

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use crate::domain::rfc3339::clock;
use crate::domain::slots::{LocalRun, local_runs};
use crate::domain::{LocalInstant, Offsets, Rfc3339, Span, Tick, Ticks};
use crate::flows::{Listing, Unavailable};

/// The halves of a slot, with the comma after it: equally long, which is luck, and short enough to be copied inline.
const START: [u8; HALF] = *br#"{"start":"1970-01-01T00:00:00+00:00""#;
const END: [u8; HALF] = *br#","end":"1970-01-01T00:00:00+00:00"},"#;
const HALF: usize = 36;
/// More than stands around the slots of a day, and around all days.
const AROUND_DAY: usize = 40;
const AROUND_DAYS: usize = 160;

impl IntoResponse for Listing {
    fn into_response(self) -> Response {
        ([(CONTENT_TYPE, "application/json")], json(&self)).into_response()
    }
}

/// The listing as JSON.
pub fn json(listing: &Listing) -> Vec<u8> {
    let starts = &listing.starts;
    let whole = match (starts.first(), starts.last()) {
        (Some(first), Some(last)) => Span::new(*first, *last + listing.length),
        _ => Span::new(Tick::from_index(0), Tick::from_index(0)),
    };
    let offsets = Offsets::over(listing.zone, whole);
    let runs = local_runs(starts, &offsets);
    let mut out = Vec::with_capacity(starts.len() * 2 * HALF + runs.len() * AROUND_DAY + AROUND_DAYS);
    // The names of zones have nothing to escape.
    out.extend_from_slice(br#"{"time_zone":""#);
    out.extend_from_slice(listing.zone.name().as_bytes());
    out.extend_from_slice(br#"","days":["#);
    for day in runs.chunk_by(|before, after| before.date == after.date) {
        write_day(&mut out, day, listing.length, &offsets);
    }
    end_list(&mut out);
    if let Some(reason) = listing.reason.map(Unavailable::as_str) {
        out.extend_from_slice(br#","reason":""#);
        out.extend_from_slice(reason.as_bytes());
        out.push(b'"');
    }
    out.push(b'}');
    out
}

/// The slots of one date, and the comma after them.
fn write_day(out: &mut Vec<u8>, runs: &[LocalRun<'_>], length: Ticks, offsets: &Offsets) {
    let Some(run) = runs.first() else { return };
    let mut text = LocalInstant { tick: run.date.start(), offset_seconds: 0 }.rfc3339();
    out.extend_from_slice(br#"{"date":""#);
    out.extend_from_slice(text.date());
    out.extend_from_slice(br#"","slots":["#);
    for run in runs {
        write_run(out, run, length, offsets, &mut text);
    }
    end_list(out);
    out.extend_from_slice(b"},");
}

/// Slots and the comma after each. `text` may hold any instant; with one of this date it is set again faster.
fn write_run(out: &mut Vec<u8>, run: &LocalRun<'_>, length: Ticks, offsets: &Offsets, text: &mut Rfc3339) {
    let has_seconds = run.offset_seconds % 60 != 0;
    let alike = if has_seconds { 0 } else { run.starts.partition_point(|start| *start + length < run.until) };
    let (alike, others) = run.starts.split_at(alike);
    if let Some(first) = alike.first() {
        text.set(offsets.local(*first));
        let [like_start, like_end] = slot(text, text);
        let from = out.len();
        out.resize(from + alike.len() * 2 * HALF, b' ');
        let (halves, _) = out.split_at_mut(from).1.as_chunks_mut::<HALF>();
        let minutes = |ticks: i64| ticks * Ticks::ONE.minutes();
        let midnight = minutes(run.date.start().index()) - i64::from(run.offset_seconds / 60);
        for (tick, [start, end]) in alike.iter().zip(halves.as_chunks_mut().0) {
            let minute = minutes(tick.index()) - midnight;
            *start = like_start;
            start[21..26].copy_from_slice(clock(minute));
            *end = like_end;
            end[19..24].copy_from_slice(clock(minute + length.minutes()));
        }
    }
    for start in others {
        let [start, end] = [*start, *start + length].map(|tick| offsets.local(tick).rfc3339());
        out.extend_from_slice(slot(&start, &end).as_flattened());
    }
}

/// Both halves of a slot.
fn slot(from: &Rfc3339, to: &Rfc3339) -> [[u8; HALF]; 2] {
    let (mut start, mut end) = (START, END);
    start[10..35].copy_from_slice(from.as_bytes());
    end[8..33].copy_from_slice(to.as_bytes());
    [start, end]
}

/// Closes a list, whose last value may have a comma after it.
fn end_list(out: &mut Vec<u8>) {
    if out.ends_with(b",") {
        out.pop();
    }
    out.push(b']');
}
