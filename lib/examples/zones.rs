//! The offsets of every zone as the product knows them, for `infra/check-zones.py`:
//!
//! ```sh
//! cargo run -p holdfast --example zones -- FROM UNTIL
//! ```
//!
//! prints the release of the time zone database, then a line for each zone: its name, its offset at `FROM`, and where
//! it changes after that up to `UNTIL`, as `second=offset`. Instants are seconds since 1970, offsets seconds ahead of UTC.

#![expect(clippy::print_stdout, reason = "what it prints is what it is for")]

use std::fmt::Write as _;

use chrono::DateTime;
use holdfast::domain::{Offsets, Span, Tick, Zone};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<i64>());
    let (Some(from), Some(until)) = (arguments.next(), arguments.next()) else {
        return Err("FROM and UNTIL, in seconds since 1970".into());
    };
    let tick =
        |second| DateTime::from_timestamp(second, 0).and_then(Tick::exact).ok_or("not on the 5-minute grid");
    let span = Span::new(tick(from?)?, tick(until?)?);
    println!("{}", Zone::release());
    for zone in Zone::all() {
        let offsets = Offsets::over(zone, span);
        let mut line = format!("{zone} {}={}", span.start.instant().timestamp(), offsets.at(span.start));
        for change in offsets.changes() {
            write!(line, " {}={}", change.at.timestamp(), change.after)?;
        }
        println!("{line}");
    }
    Ok(())
}
