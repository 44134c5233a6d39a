//! The hosts and event types of a run, and what an admin changes about the event types while it goes on.

use super::*;

/// One host of the run.
pub(super) struct HostSpec {
    /// Its id.
    pub(super) id: &'static str,
    /// The zone of its schedule.
    zone: &'static str,
    /// How many minutes the zone's clocks are ahead of UTC for the whole of a run.
    offset_minutes: i64,
    /// The local hours that are 20:00 to 04:00 in UTC, on every day of the week.
    hours: &'static [(&'static str, &'static str)],
}

/// Three hosts in three zones, open at the same UTC time: a start has one UTC date and up to two local ones.
pub(super) const HOSTS: [HostSpec; 3] = [
    HostSpec {
        id: "hst_random1",
        zone: "UTC",
        offset_minutes: 0,
        hours: &[("00:00", "04:00"), ("20:00", "24:00")],
    },
    HostSpec {
        id: "hst_random2",
        zone: "Asia/Kolkata",
        offset_minutes: 5 * 60 + 30,
        hours: &[("01:30", "09:30")],
    },
    HostSpec {
        id: "hst_random3",
        zone: "America/St_Johns",
        offset_minutes: -(3 * 60 + 30),
        hours: &[("00:00", "00:30"), ("16:30", "24:00")],
    },
];

/// Who serves event types, the organizer first: one host alone, two in both orders, all three.
const TEAMS: [&[usize]; 8] = [&[0], &[1], &[2], &[0, 1], &[1, 0], &[2, 1], &[0, 1, 2], &[2, 0, 1]];

/// An event type's settings but for its hosts.
struct Kind {
    slug: &'static str,
    /// In minutes.
    lengths: &'static [u32],
    /// Minutes before and after.
    buffers: [u32; 2],
    needs_confirmation: bool,
    /// Whether it takes only so many bookings on one local date of its organizer.
    is_limited: bool,
    /// How often it is chosen beside the others.
    weight: u8,
    /// Which of the teams serve it.
    teams: &'static [usize],
}

/// All of them.
const ALL: &[usize] = &[0, 1, 2, 3, 4, 5, 6, 7];

const KINDS: [Kind; 5] = [
    Kind {
        slug: "call",
        lengths: &[30, 60],
        buffers: [0, 0],
        needs_confirmation: false,
        is_limited: false,
        weight: 2,
        teams: ALL,
    },
    Kind {
        slug: "visit",
        lengths: &[45, 60],
        buffers: [10, 5],
        needs_confirmation: false,
        is_limited: false,
        weight: 2,
        teams: ALL,
    },
    Kind {
        slug: "audience",
        lengths: &[30, 45],
        buffers: [0, 5],
        needs_confirmation: true,
        is_limited: false,
        weight: 18,
        teams: ALL,
    },
    Kind {
        slug: "favour",
        lengths: &[30],
        buffers: [0, 0],
        needs_confirmation: false,
        is_limited: true,
        weight: 26,
        // Few, so that their days are full now and then; organised in each of the zones.
        teams: &[2, 4, 6],
    },
    Kind {
        slug: "watch",
        lengths: &[240],
        buffers: [0, 0],
        needs_confirmation: false,
        is_limited: false,
        // Seldom chosen: there would be no room for others.
        weight: 0,
        teams: &[0, 1, 2],
    },
];

/// At most so many event types differ from what they were at first.
const MAX_EDITED: usize = 2;

/// An event type of the run.
pub(super) struct Offer {
    /// As it was at first.
    pub(super) original: EventType,
    /// As it is in the table.
    pub(super) today: EventType,
    /// How often it is chosen beside the others.
    pub(super) weight: u8,
}

impl Offer {
    /// Whether an admin has changed it.
    pub(super) fn is_edited(&self) -> bool {
        let Self { original, today, .. } = self;
        today.archived || today.hosts != original.hosts || today.lengths != original.lengths
    }
}

/// The place of a host in [`HOSTS`].
pub(super) fn host_at(id: &HostId) -> usize {
    HOSTS.iter().position(|host| host.id == id.as_str()).expect("a host of the run")
}

/// The places of hosts, the organizer first.
pub(super) fn places_of<'a>(hosts: impl Iterator<Item = &'a HostId>) -> Vec<usize> {
    hosts.map(host_at).collect()
}

/// The hosts at these places.
fn hosts_at(places: &[usize]) -> Hosts {
    let ids: Vec<HostId> = places.iter().map(|place| HOSTS[*place].id.parse().expect("an id")).collect();
    ids.try_into().expect("different hosts")
}

/// The zone of a host's schedule.
pub(super) fn zone_of(host: usize) -> Zone {
    HOSTS[host].zone.parse().expect("a zone")
}

/// The local date on which a host sees this start.
pub(super) fn date_of(host: usize, start: Tick) -> NaiveDate {
    (start.instant() + TimeDelta::minutes(HOSTS[host].offset_minutes)).date_naive()
}

/// No clock of a host changes from some days before this time until long after it. Hours and local dates of this test
/// count with one offset a host.
pub(super) fn assert_clocks_stay(now: DateTime<Utc>) {
    for (at, host) in HOSTS.iter().enumerate() {
        let zone = zone_of(at);
        for hours in -72..30 * 24 {
            let offset = zone.offset_from_utc_datetime(&(now + TimeDelta::hours(hours)).naive_utc()).fix();
            assert_eq!(i64::from(offset.local_minus_utc()), host.offset_minutes * 60, "{}", host.zone);
        }
    }
}

/// Creates the hosts and the event types.
pub(super) async fn create_offers(app: &TestApp) -> Vec<Offer> {
    for host in &HOSTS {
        app.put_daily_host(host.id, host.zone, host.hours).await;
    }
    let mut offers = Vec::new();
    for kind in &KINDS {
        for (count, at) in kind.teams.iter().enumerate() {
            let original: EventType = serde_json::from_value(json!({
                "slug": format!("{}-{at}", kind.slug), "hosts": hosts_at(TEAMS[*at]), "title": kind.slug,
                "lengths": kind.lengths, "interval": 15, "buffer_before": kind.buffers[0],
                "buffer_after": kind.buffers[1], "window_days": 5, "active": true,
                "needs_confirmation": kind.needs_confirmation, "confirm_within": 5,
                "max_per_day": kind.is_limited.then_some(1 + count % 2),
            }))
            .unwrap();
            assert_eq!(original.check(), Ok(()));
            app.app().store.put_event_type(&app.tenant(), &original).await.unwrap();
            offers.push(Offer { today: original.clone(), original, weight: kind.weight });
        }
    }
    offers
}

impl World {
    /// The place of an event type.
    pub(super) fn offer_at(&self, slug: &EventTypeSlug) -> usize {
        self.offers.iter().position(|offer| offer.original.slug == *slug).expect("an event type of the run")
    }

    /// The hosts that serve an event type now, the organizer first.
    pub(super) fn hosts_today(&self, offer: usize) -> Vec<usize> {
        places_of(self.offers[offer].today.hosts.iter())
    }

    /// Whether the event type of a booking has been changed.
    pub(super) fn is_edited(&self, booking: &Booking) -> bool {
        self.offers[self.offer_at(&booking.event_type)].is_edited()
    }

    /// The event types that an admin has changed.
    fn edited_offers(&self) -> Vec<usize> {
        (0..self.offers.len()).filter(|at| self.offers[*at].is_edited()).collect()
    }

    /// An event type that this host serves, often with others; now and then one that was changed.
    pub(super) fn choose_offer(&mut self, host: usize) -> usize {
        let edited = self.edited_offers();
        if let Some(at) = self.rng.choice(edited).filter(|_| self.rng.u8(..16) == 0) {
            return at;
        }
        let (is_joint, is_long) = (self.rng.bool(), self.rng.u8(..12) == 0);
        let is_wanted = |offer: &Offer| {
            let hosts = places_of(offer.today.hosts.iter());
            hosts.contains(&host)
                && is_long == (offer.weight == 0)
                && (is_long || (hosts.len() > 1) == is_joint)
        };
        let wanted = self.offers.iter().enumerate().filter(|(_, offer)| is_wanted(offer));
        let weighted: Vec<usize> = wanted
            .flat_map(|(at, offer)| std::iter::repeat_n(at, usize::from(offer.weight.max(1))))
            .collect();
        // All of them may have been handed over.
        self.rng.choice(weighted).unwrap_or_else(|| self.rng.usize(..self.offers.len()))
    }

    /// An admin changes an event type (it loses a length, is archived or gets other hosts) or undoes such a change.
    /// Afterwards all processes are fresh: none goes by an event type that it remembers from before.
    pub(super) async fn edit_event_type(&mut self) {
        let edited = self.edited_offers();
        let is_undone = edited.len() >= MAX_EDITED || self.rng.u8(..3) == 0;
        let (at, today, word) = match self.rng.choice(edited).filter(|_| is_undone) {
            Some(at) => (at, self.offers[at].original.clone(), "edit undone"),
            None => self.choose_edit(),
        };
        self.app.app().store.put_event_type(&self.tenant, &today).await.expect("the table");
        self.story.count(word);
        self.story.note(format!("{} {word}: {} of {:?}", self.now, today.slug, today.hosts));
        self.offers[at].today = today;
        for caller in &mut self.callers {
            caller.app = self.app.local.app_with(Clock::manual(Arc::clone(&caller.clock)));
        }
        if self.rng.u8(..8) > 0 {
            self.use_edited(at).await;
        }
    }

    /// Somebody comes at once to what is held or booked of an event type that was just changed, or for a length that it
    /// has lost.
    async fn use_edited(&mut self, at: usize) {
        let Offer { original, today, .. } = &self.offers[at];
        let lost = original.lengths.iter().find(|length| !today.lengths.contains(length)).copied();
        let slug = self.offers[at].original.slug.clone();
        let held = self.holds.iter().find(|token| *token.event_type() == slug).cloned();
        let is_pending =
            |booking: &Booking| booking.event_type == slug && booking.status == BookingStatus::Pending;
        let pending = self.any_live(|_, booking| is_pending(booking));
        let op = match (lost, held, pending) {
            (Some(length), ..) => {
                let start = self.start(length, Tick::floor(self.now).day(), 0);
                let slot = Slot { offer: at, start, length };
                if self.rng.bool() { Op::Hold(slot) } else { Op::Book(slot) }
            }
            (None, Some(token), _) => Op::Confirm(token, "words"),
            (None, None, Some(id)) => self.step_of(id, BookingStatus::Confirmed),
            (None, None, None) => return,
        };
        let caller = self.rng.usize(..CALLERS);
        self.act(vec![Act { caller, op, key: None }]).await;
    }

    /// A change of an event type that has bookings or holds, if there is one.
    fn choose_edit(&mut self) -> (usize, EventType, &'static str) {
        let live = || self.live.iter().map(|id| &self.bookings[id]);
        let held = self.holds.iter().map(|token| token.event_type().clone()).collect();
        let pending = live().filter(|booking| booking.status == BookingStatus::Pending);
        let pending = pending.map(|booking| booking.event_type.clone()).collect();
        let booked = live().map(|booking| booking.event_type.clone()).collect();
        let mut used: [Vec<EventTypeSlug>; 3] = [held, pending, booked];
        used.rotate_left(self.rng.usize(..3));
        let slug = used.into_iter().find(|slugs| !slugs.is_empty()).and_then(|slugs| self.rng.choice(slugs));
        let at = match slug {
            Some(slug) => self.offer_at(&slug),
            None => self.rng.usize(..self.offers.len()),
        };
        let mut today = self.offers[at].original.clone();
        let word = match self.rng.u8(..8) {
            0..3 if today.lengths.len() > 1 => {
                today.lengths.remove(self.rng.usize(..today.lengths.len()));
                "edit length"
            }
            0..6 => {
                today.archived = true;
                "edit archive"
            }
            _ => {
                let before = places_of(today.hosts.iter());
                while places_of(today.hosts.iter()) == before {
                    let mut places: Vec<usize> = (0..HOSTS.len()).collect();
                    self.rng.shuffle(&mut places);
                    places.truncate(self.rng.usize(1..=HOSTS.len()));
                    today.hosts = hosts_at(&places);
                }
                today.was_moved = true;
                "edit hosts"
            }
        };
        (at, today, word)
    }
}
