//! Which cells of which hosts and days a hold or a booking takes: the one place that computes with them.
//!
//! A [`Claim`] is stored with its booking and carried by the hold token, so that releasing and moving never
//! recompute it from settings that may have changed. The first host organises: its event invites the guest and
//! carries the conference. No other file asks which host is the first.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::day::{CellOwner, DayState};
use super::{Cells, Day, HostId, Span, Ticks};

/// The most hosts of one booking: what one read wave and one transaction can carry.
pub const MAX_HOSTS: usize = 10;

/// The hosts of an event type or a booking: 1 to 10, each once. The first organises.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<HostId>", into = "Vec<HostId>")]
pub struct Hosts(Vec<HostId>);

/// The list is empty, too long or names a host twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 10 hosts, each once")]
pub struct HostsError;

impl Hosts {
    /// One host.
    pub fn one(host: HostId) -> Self {
        Self(vec![host])
    }

    /// The host who organises.
    pub fn organizer(&self) -> &HostId {
        // Never empty: every way to make one checks it.
        #[expect(clippy::indexing_slicing, reason = "a list of hosts is never empty")]
        &self.0[0]
    }

    /// All of them, the organizer first.
    pub fn iter(&self) -> impl Iterator<Item = &HostId> + Clone {
        self.0.iter()
    }

    /// Whether this host is one of them.
    pub fn contains(&self, host: &HostId) -> bool {
        self.0.contains(host)
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

impl TryFrom<Vec<HostId>> for Hosts {
    type Error = HostsError;

    fn try_from(hosts: Vec<HostId>) -> Result<Self, HostsError> {
        let different: BTreeSet<_> = hosts.iter().collect();
        let is_sound = (1..=MAX_HOSTS).contains(&hosts.len()) && different.len() == hosts.len();
        if is_sound { Ok(Self(hosts)) } else { Err(HostsError) }
    }
}

impl From<Hosts> for Vec<HostId> {
    fn from(hosts: Hosts) -> Self {
        hosts.0
    }
}

/// The cells of one host, day by day in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostCells {
    /// Whose days.
    pub host: HostId,
    /// Which cells of which days.
    pub cells: Vec<Cells>,
}

/// Cells by host and day. The first host organises.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Claim(Vec<HostCells>);

/// What a move does to one day of one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayChange<'a> {
    /// Whose day.
    pub host: &'a HostId,
    /// Which day.
    pub day: Day,
    /// Cells to take.
    pub taken: Vec<u16>,
    /// Cells to free.
    pub freed: Vec<u16>,
    /// Whether the new claim has any cell of this day: its busy time must be as it was read.
    pub is_used: bool,
}

impl Claim {
    /// The whole of a span for each of these hosts, cut at UTC midnights.
    pub fn over(hosts: &Hosts, span: Span) -> Self {
        Self(
            hosts
                .iter()
                .map(|host| HostCells { host: host.clone(), cells: span.by_day().collect() })
                .collect(),
        )
    }

    /// Its hosts, the organizer first.
    pub fn hosts(&self) -> impl Iterator<Item = &HostId> + Clone {
        self.0.iter().map(|of| &of.host)
    }

    /// The host who organises; `None` for a claim of nobody, which only a forged hold can be.
    pub fn organizer(&self) -> Option<&HostId> {
        self.hosts().next()
    }

    /// The same hosts, for another claim of theirs; `None` for a claim of nobody.
    pub fn same_hosts(&self) -> Option<Hosts> {
        Hosts::try_from(self.hosts().cloned().collect::<Vec<_>>()).ok()
    }

    /// By host.
    pub fn by_host(&self) -> &[HostCells] {
        &self.0
    }

    /// Every piece: cells of one day of one host.
    pub fn pieces(&self) -> impl Iterator<Item = (&HostId, Cells)> + Clone {
        self.0.iter().flat_map(|of| of.cells.iter().map(move |cells| (&of.host, *cells)))
    }

    /// The pieces of one host.
    pub fn cells_of(&self, host: &HostId) -> impl Iterator<Item = Cells> {
        self.pieces().filter(move |(of, _)| *of == host).map(|(_, cells)| cells)
    }

    /// From the first cell to the last; `None` for a claim of nothing.
    pub fn span(&self) -> Option<Span> {
        let spans = self.pieces().map(|(_, cells)| cells.span());
        spans.reduce(|one, other| Span::new(one.start.min(other.start), one.end.max(other.end)))
    }

    /// Whether it has this cell.
    pub fn has(&self, host: &HostId, day: Day, cell: u16) -> bool {
        self.pieces()
            .any(|(of, cells)| of == host && cells.day == day && (cells.from..cells.to).contains(&cell))
    }

    /// Whether it could be one of ours: one unbroken span of at most 12 hours, the same for 1 to 10 hosts, cut at
    /// midnights. Anything else could not be read or written in one go.
    pub fn is_sound(&self) -> bool {
        let Some(hosts) = self.same_hosts() else { return false };
        if self.pieces().any(|(_, cells)| cells.from >= cells.to || cells.to > Day::CELLS) {
            return false;
        }
        self.span()
            .is_some_and(|span| span.len() <= Ticks::LONGEST_CLAIM && *self == Self::over(&hosts, span))
    }

    /// Whether all of its cells carry this number in what was read.
    pub fn is_owned_by(&self, owner: CellOwner, days: &ReadDays<'_>) -> bool {
        self.pieces()
            .all(|(host, cells)| days.get(host, cells.day).is_some_and(|day| day.is_all(cells, owner)))
    }

    /// What moving from this claim to another does, day by day: cells in both stay as they are.
    pub fn changes_to<'a>(&'a self, new: &'a Self) -> Vec<DayChange<'a>> {
        let mut days: Vec<(&HostId, Day)> = Vec::new();
        for (host, cells) in self.pieces().chain(new.pieces()) {
            if !days.contains(&(host, cells.day)) {
                days.push((host, cells.day));
            }
        }
        let cells_in = |claim: &'a Self, host: &'a HostId, day: Day| {
            let of_day = claim.cells_of(host).filter(move |cells| cells.day == day);
            of_day.flat_map(|cells| cells.from..cells.to).collect::<Vec<u16>>()
        };
        let change = |(host, day): (&'a HostId, Day)| {
            let (before, after) = (cells_in(self, host, day), cells_in(new, host, day));
            DayChange {
                host,
                day,
                taken: after.iter().copied().filter(|cell| !before.contains(cell)).collect(),
                freed: before.iter().copied().filter(|cell| !after.contains(cell)).collect(),
                is_used: !after.is_empty(),
            }
        };
        days.into_iter().map(change).collect()
    }
}

/// Days of several hosts, as one read wave found them.
#[derive(Clone, Debug, Default)]
pub struct ReadDays<'a>(Vec<(&'a HostId, &'a [DayState])>);

impl<'a> ReadDays<'a> {
    /// What was read of each host.
    pub fn new(read: impl IntoIterator<Item = (&'a HostId, &'a [DayState])>) -> Self {
        Self(read.into_iter().collect())
    }

    /// One day of one host; `None` when it was not read.
    pub fn get(&self, host: &HostId, day: Day) -> Option<&'a DayState> {
        let of_host = self.0.iter().filter(|(of, _)| *of == host);
        of_host.flat_map(|(_, days)| days.iter()).find(|state| state.day == day)
    }

    /// The revision of one host's day; `None` for a day that has none yet.
    pub fn revision(&self, host: &HostId, day: Day) -> Option<u64> {
        self.get(host, day).and_then(|state| state.revision)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::Tick;

    fn hosts(count: usize) -> Hosts {
        let ids = (0..count).map(|at| format!("hst_host{at}").parse().unwrap());
        ids.collect::<Vec<HostId>>().try_into().unwrap()
    }

    fn span(start: i64, len: i64) -> Span {
        Span::new(Tick::from_index(start), Tick::from_index(start + len))
    }

    #[test]
    fn a_list_of_hosts_has_one_to_ten_different_ones() {
        let of = |count: usize| {
            (0..count).map(|at| format!("hst_host{at}").parse().unwrap()).collect::<Vec<HostId>>()
        };
        assert_eq!(Hosts::try_from(of(0)), Err(HostsError));
        assert!(Hosts::try_from(of(10)).is_ok());
        assert_eq!(Hosts::try_from(of(11)), Err(HostsError));
        let twice = vec!["hst_host0".parse().unwrap(), "hst_host0".parse().unwrap()];
        assert_eq!(Hosts::try_from(twice), Err(HostsError));
    }

    #[test]
    fn a_claim_that_no_settings_make_is_unsound() {
        let claim = Claim::over(&hosts(2), span(6_000_000, 12));
        assert!(claim.is_sound());
        let mut missing = claim.clone();
        missing.0[1].cells.clear();
        assert!(!missing.is_sound(), "one host's cells are missing");
        let mut shifted = claim.clone();
        shifted.0[1].cells[0].from += 1;
        assert!(!shifted.is_sound(), "hosts differ");
        let mut twice = claim.clone();
        twice.0[1].host = twice.0[0].host.clone();
        assert!(!twice.is_sound(), "a host stands in it twice");
        assert!(!Claim(Vec::new()).is_sound());
        assert!(!Claim::over(&hosts(1), span(6_000_000, 145)).is_sound(), "longer than 12 hours");
        assert!(Claim::over(&hosts(10), span(6_000_000, 144)).is_sound());
    }

    proptest! {
        #[test]
        fn a_move_takes_and_frees_what_the_claims_do_not_share(
            count in 1_usize..4, from in 5_999_900_i64..6_000_400, old in 1_i64..144, to in 5_999_900_i64..6_000_400,
            new in 1_i64..144,
        ) {
            let (old, new) = (Claim::over(&hosts(count), span(from, old)), Claim::over(&hosts(count), span(to, new)));
            let changes = old.changes_to(&new);
            for host in old.hosts() {
                for tick in 5_999_700..6_000_800 {
                    let tick = Tick::from_index(tick);
                    let (day, cell) = (tick.day(), tick.cell());
                    let (had, has) = (old.has(host, day, cell), new.has(host, day, cell));
                    let mut of_day = changes.iter().filter(|change| change.host == host && change.day == day);
                    let change = of_day.next();
                    prop_assert!(of_day.next().is_none(), "a transaction may name a day once");
                    let in_list = |pick: fn(&DayChange<'_>) -> Vec<u16>| {
                        change.is_some_and(|change| pick(change).contains(&cell))
                    };
                    prop_assert_eq!(in_list(|change| change.taken.clone()), has && !had);
                    prop_assert_eq!(in_list(|change| change.freed.clone()), had && !has);
                    if has {
                        prop_assert!(change.is_some_and(|change| change.is_used));
                    }
                }
            }
        }
    }
}
