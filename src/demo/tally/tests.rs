use super::*;

const MIAMI: DcId = DcId(1);
const AMSTERDAM: DcId = DcId(2);

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn country(code: &str) -> CountryCode {
    CountryCode::new(code).expect("a code of the test")
}

/// Clients 0 and 1 are in Germany, 2 in France, 3 in the United States.
fn tally() -> Tally {
    Tally::new(["DE", "DE", "FR", "US"].map(country))
}

fn event(client: usize, at: u64, seen: Seen) -> Event {
    Event { client: ClientId(client), at: ms(at), seen }
}

fn answered(client: usize, began: u64, at: u64, dc: DcId) -> Event {
    event(client, at, Seen::Answered { dc, began: ms(began) })
}

fn broken(client: usize, began: u64, at: u64, dc: Option<DcId>) -> Event {
    event(client, at, Seen::Broken { dc, began: ms(began), failure: Failure::Reset })
}

/// Everybody is at home at 100 ms; client 2 is between two sessions.
fn at_home() -> Tally {
    let mut tally = tally();
    for client in 0..3 {
        assert_eq!(tally.on_event(answered(client, 90, 100, AMSTERDAM)), None);
    }
    assert_eq!(tally.on_event(answered(3, 90, 100, MIAMI)), None);
    assert_eq!(tally.on_event(event(2, 900, Seen::Ended)), None);
    tally
}

#[test]
fn countries_are_counted_where_their_clients_are_served_most_clients_first() {
    let tally = at_home();
    assert_eq!(tally.countries_of(AMSTERDAM), ["DE", "FR"].map(country));
    assert_eq!(tally.countries_of(MIAMI), ["US"].map(country));
    assert_eq!((tally.answered(), tally.lost(), tally.failed()), (4, 0, 0));
    assert_eq!(tally.share(AMSTERDAM, ms(200)), 0.75);
}

#[test]
fn a_power_loss_is_followed_until_everybody_is_home_again() {
    let mut tally = at_home();
    let lost = tally.on_power_lost(AMSTERDAM, ms(1000), ms(1002));
    assert_eq!(lost, Note::PowerLost { dc: AMSTERDAM, open: 2 });
    assert_eq!(tally.on_event(broken(0, 90, 1003, Some(AMSTERDAM))), None);
    assert_eq!(tally.on_event(broken(1, 90, 1004, Some(AMSTERDAM))), None);
    assert_eq!(tally.on_event(answered(0, 1003, 1010, MIAMI)), None);
    let served = tally.on_event(answered(1, 1004, 1030, MIAMI));
    assert_eq!(served, Some(Note::AllServed { clients: 2, after: ms(30) }));
    // A resident between two sessions is moved, but nobody waited for it.
    assert_eq!(tally.on_event(answered(2, 1400, 1500, MIAMI)), None);
    let judged = tally.on_health(AMSTERDAM, Health::Down, ms(1200));
    assert_eq!(judged, Note::Judged { dc: AMSTERDAM, health: Health::Down, after: Some(ms(200)) });
    assert_eq!(tally.on_power_back(ms(3000)), Some(Note::PowerBack { dc: AMSTERDAM }));
    let judged = tally.on_health(AMSTERDAM, Health::Up, ms(3600));
    assert_eq!(judged, Note::Judged { dc: AMSTERDAM, health: Health::Up, after: Some(ms(600)) });
    for client in 0..2 {
        assert_eq!(tally.on_event(answered(client, 3700, 3800, AMSTERDAM)), None);
    }
    let home = tally.on_event(answered(2, 3700, 4000, AMSTERDAM));
    assert_eq!(home, Some(Note::AllHome { dc: AMSTERDAM, clients: 3, after: ms(1000) }));
    let expected = Figures {
        losses: 1,
        lost: 2,
        waiting: 0,
        served_after: Some(ms(30)),
        slowest: Some(ms(100)),
        down_after: Some(ms(200)),
        used_after: Some(ms(600)),
        home_after: Some(ms(1000)),
    };
    assert_eq!(tally.figures(), expected);
    assert_eq!((tally.lost(), tally.failed()), (2, 0));
    let moved = tally.moves().get(&MIAMI).expect("clients moved to Miami");
    assert_eq!(moved.iter().copied().collect::<Vec<_>>(), ["DE", "FR"].map(country));
}

#[test]
fn only_the_power_loss_itself_excuses_a_broken_session() {
    let mut tally = at_home();
    tally.on_power_lost(AMSTERDAM, ms(1000), ms(1002));
    for (broken, excused) in [
        (broken(0, 90, 1003, Some(AMSTERDAM)), true),
        // Connected to Amsterdam at the very moment, before it could say who it is.
        (broken(2, 1001, 1003, None), true),
        (broken(2, 1003, 1100, None), false),
        (broken(3, 90, 1003, Some(MIAMI)), false),
        (broken(3, 1001, 1003, None), false),
    ] {
        let before = tally.failed();
        let note = tally.on_event(broken);
        assert_eq!(note.is_none(), excused, "{broken:?}");
        assert_eq!(tally.failed() - before, u64::from(!excused), "{broken:?}");
    }
    assert_eq!(tally.lost(), 2);
    assert_eq!(tally.failures().len(), 3);
}

#[test]
fn a_session_that_breaks_while_all_have_power_has_failed() {
    let mut tally = at_home();
    let note = tally.on_event(broken(0, 90, 500, Some(AMSTERDAM)));
    let failed = Failed {
        at: ms(500),
        country: country("DE"),
        dc: Some(AMSTERDAM),
        failure: Failure::Reset,
    };
    assert_eq!(note, Some(Note::Failed(failed)));
    assert_eq!(tally.failures(), [failed]);
}

#[test]
fn failures_beyond_the_first_ones_are_only_counted() {
    let mut tally = at_home();
    for at in 200..300 {
        tally.on_event(broken(0, at, at, None));
    }
    assert_eq!(tally.failed(), 100);
    assert_eq!(tally.failures().len(), FAILURES_TOLD);
}

#[test]
fn whoever_is_not_served_elsewhere_is_still_waited_for() {
    let mut tally = at_home();
    tally.on_power_lost(AMSTERDAM, ms(1000), ms(1002));
    for client in 0..2 {
        tally.on_event(broken(client, 90, 1003, Some(AMSTERDAM)));
    }
    tally.on_event(answered(0, 1003, 1010, MIAMI));
    let figures = tally.figures();
    assert_eq!((figures.waiting, figures.served_after), (1, None));
}

#[test]
fn of_several_power_losses_the_worst_figures_stay() {
    let mut tally = at_home();
    for (began, took) in [(1000, 50), (5000, 20)] {
        tally.on_event(answered(0, began - 100, began - 90, AMSTERDAM));
        tally.on_event(event(1, began - 80, Seen::Ended));
        tally.on_power_lost(AMSTERDAM, ms(began), ms(began + 1));
        tally.on_event(broken(0, began - 100, began + 2, Some(AMSTERDAM)));
        tally.on_event(answered(0, began + 3, began + took, MIAMI));
        tally.on_power_back(ms(began + 1000));
        tally.on_health(AMSTERDAM, Health::Up, ms(began + 1500));
    }
    let figures = tally.figures();
    assert_eq!((figures.losses, figures.lost), (2, 2));
    assert_eq!(figures.served_after, Some(ms(50)));
    assert_eq!(figures.slowest, Some(ms(47)));
    assert_eq!(figures.down_after, None);
}
