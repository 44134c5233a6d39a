//! A hold and its booking when something is changed in between, one case after the other. What the random operations
//! meet by chance stands here for sure.

use super::*;

/// Two hosts serve it, with a daily limit.
const DUET: &str = "favour-4";

/// A hold of an event type.
async fn held(world: &World, slug: &str) -> HoldToken {
    let start = Tick::exact("2026-11-23T23:30:00Z".parse().unwrap()).unwrap();
    let slot = SlotRequest { event_type: slug.parse().unwrap(), start, length: None };
    hold(&world.callers[0].app, &world.tenant, &slot, None).await.expect("a hold").token
}

/// Confirms a hold by a process that remembers nothing.
async fn confirm(world: &World, token: &HoldToken, notes: &str) -> Result<Booking, BookingError> {
    let request = BookRequest {
        wanted: Wanted::Held(token.clone()),
        guest: Guest {
            name: "Mary Somerville".to_owned(),
            email: "mary@example.com".to_owned(),
            phone: None,
            time_zone: Zone::UTC,
            locale: None,
        },
        answers: None,
        notes: Some(notes.to_owned()),
        metadata: None,
        sync_to_calendar: true,
    };
    let scope = Scope::Public(world.tenant.clone());
    let booked = Box::pin(book(&world.app.process(), &scope, &request, None)).await?;
    Ok(booked.record.booking)
}

/// Changes an event type in the table.
async fn edit(world: &World, slug: &str, change: impl FnOnce(&mut EventType)) {
    let mut event_type = world.offers[world.offer_at(&slug.parse().unwrap())].original.clone();
    change(&mut event_type);
    world.app.app().store.put_event_type(&world.tenant, &event_type).await.expect("the table");
}

fn hosts(ids: &[&str]) -> Hosts {
    let ids: Vec<HostId> = ids.iter().map(|id| id.parse().unwrap()).collect();
    ids.try_into().unwrap()
}

#[tokio::test]
async fn a_hold_confirmed_twice_is_one_booking_also_when_its_event_type_was_archived_meanwhile() {
    let world = World::begin(0).await;
    let token = held(&world, "call-0").await;
    let booking = confirm(&world, &token, "words").await.expect("a booking");
    edit(&world, "call-0", |event_type| event_type.archived = true).await;
    let again = confirm(&world, &token, "words").await.expect("the same booking");
    assert_eq!(again, booking);
    let other = confirm(&world, &token, "other words").await;
    assert!(matches!(other, Err(BookingError::HoldUsed)), "{other:?}");
    assert_eq!(world.app.broken().await, <[String; 0]>::default());
}

#[tokio::test]
async fn a_hold_of_an_event_type_that_was_archived_meanwhile_is_not_confirmed() {
    let world = World::begin(0).await;
    let token = held(&world, "call-0").await;
    edit(&world, "call-0", |event_type| event_type.archived = true).await;
    let confirmed = confirm(&world, &token, "words").await;
    assert!(matches!(confirmed, Err(BookingError::UnknownEventType)), "{confirmed:?}");
}

/// Another host comes to organise, the hosts change places, one joins, one leaves, and another one takes over: the
/// booking would have no organizer's name and zone, or not count towards the organizer's limit.
#[tokio::test]
async fn a_hold_is_void_once_its_event_type_has_other_hosts() {
    let world = World::begin(0).await;
    for others in [
        &["hst_random3", "hst_random2", "hst_random1"][..],
        &["hst_random1", "hst_random2"],
        &["hst_random2", "hst_random1", "hst_random3"],
        &["hst_random2"],
        &["hst_random3"],
    ] {
        edit(&world, DUET, |event_type| assert_eq!(event_type.hosts, hosts(&["hst_random2", "hst_random1"])))
            .await;
        let token = held(&world, DUET).await;
        edit(&world, DUET, |event_type| event_type.hosts = hosts(others)).await;
        let confirmed = confirm(&world, &token, "words").await;
        assert!(matches!(confirmed, Err(BookingError::UnknownHold)), "{others:?}: {confirmed:?}");
        let released = Box::pin(release(&world.callers[0].app, &world.tenant, &token, None)).await;
        released.expect("the hold is still there");
    }
}

/// The answer does not depend on the order of the hosts.
#[tokio::test]
async fn a_hold_whose_calendars_are_partly_busy_and_partly_unknown_is_refused_as_unknown() {
    for (busy, unknown) in [(0, 1), (1, 0)] {
        let mut world = World::begin(0).await;
        let token = held(&world, DUET).await;
        let (_, cells) = token.claim().pieces().next().expect("a cell");
        let mut bits = DayBits::EMPTY;
        bits.set(cells.from, cells.to);
        world.pull(busy, &[(cells.day, bits)]).await.expect("a pull");
        let confirmed = confirm(&world, &token, "words").await;
        let is_taken = matches!(confirmed, Err(BookingError::Refused { why: Refused::Taken, .. }));
        assert!(is_taken, "{confirmed:?}");
        world.forget_calendars(unknown).await;
        let confirmed = confirm(&world, &token, "words").await;
        let is_unknown =
            matches!(confirmed, Err(BookingError::Refused { why: Refused::CalendarUnavailable, .. }));
        assert!(is_unknown, "{confirmed:?}");
    }
}
