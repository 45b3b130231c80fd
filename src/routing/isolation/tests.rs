use super::*;
use crate::routing::fixture::start;
use crate::routing::ids::DcId;

const SECOND: Duration = Duration::from_secs(1);
const SITES: [&str; 3] = ["ams", "mia", "sin"];

/// Three sites of two access points each, one of each family.
#[derive(Default)]
struct Edge {
    isolation: Isolation,
    contacts: [[Contact; 2]; 3],
}

fn id(site: usize, n: usize) -> AccessPointId {
    let address = if n == 0 { "192.0.2.1:443" } else { "[2001:db8::1]:443" };
    AccessPointId { dc: DcId(site as u16), address: address.parse().expect("an address") }
}

impl Edge {
    fn at_work() -> Self {
        let mut edge = Self::default();
        (0..3).for_each(|site| _ = edge.hear(site, start()));
        edge
    }

    fn hear(&mut self, site: usize, now: Instant) -> bool {
        self.contacts[site].iter_mut().for_each(|it| it.on_answer(now));
        self.isolation.on_answer(now, now)
    }

    fn lose(&mut self, site: usize, n: usize, now: Instant) {
        if self.contacts[site][n].on_failure(now) {
            self.isolation.on_failure();
        }
    }

    fn lose_site(&mut self, site: usize, now: Instant) {
        (0..2).for_each(|n| self.lose(site, n, now));
    }

    fn look(&mut self, now: Instant) -> Signs {
        let contacts = SITES.iter().zip(&self.contacts).enumerate();
        let contacts = contacts.flat_map(|(site, (name, members))| {
            let members = members.iter().enumerate();
            members.map(move |(n, contact)| (*name, id(site, n), *contact))
        });
        self.isolation.look(contacts, now)
    }
}

#[test]
fn all_sites_silent_together_are_isolation_and_one_answer_ends_it() {
    let mut edge = Edge::at_work();
    (0..3).for_each(|site| edge.lose_site(site, start() + SECOND));
    assert_eq!(edge.isolation.next_look(), Some(start() + SILENCE));
    assert_eq!(edge.look(start() + SILENCE), Signs::Complete);
    edge.isolation.begin();
    assert_eq!(edge.isolation.next_look(), None);
    assert!(edge.isolation.covers(start() + 9 * SECOND));
    assert!(edge.hear(2, start() + 4 * SECOND));
    assert!(!edge.isolation.is_isolated());
    assert!(edge.isolation.covers(start() + 3 * SECOND));
    assert!(!edge.isolation.covers(start() + 4 * SECOND));
}

#[test]
fn a_site_that_was_not_tried_has_to_be() {
    let mut edge = Edge::at_work();
    edge.lose_site(0, start() + SECOND);
    edge.lose_site(1, start() + SECOND);
    assert_eq!(edge.look(start() + SILENCE), Signs::Untried(vec![id(2, 0), id(2, 1)]));
    assert_eq!(edge.isolation.next_look(), None, "not before somebody else fails");
    edge.lose_site(2, start() + 30 * SECOND);
    assert_eq!(edge.look(start() + 30 * SECOND), Signs::Complete);
}

#[test]
fn the_loss_of_one_family_everywhere_is_not_isolation() {
    let mut edge = Edge::at_work();
    (0..3).for_each(|site| edge.lose(site, 1, start() + SECOND));
    let untried = (0..3).map(|site| id(site, 0)).collect();
    assert_eq!(edge.look(start() + SILENCE), Signs::Untried(untried));
}

#[test]
fn a_site_that_has_been_dead_for_long_is_not_missed() {
    let mut edge = Edge::at_work();
    edge.lose_site(0, start() + SECOND);
    edge.lose_site(1, start() + SECOND);
    let last = start() + SECOND + MEMORY;
    edge.hear(2, last);
    edge.lose_site(2, last + SECOND);
    assert_eq!(edge.look(last + SILENCE), Signs::Complete, "fell silent within ten seconds");
    edge.hear(2, last + SECOND);
    edge.lose_site(2, last + 2 * SECOND);
    assert_eq!(edge.look(last + 9 * SECOND), Signs::Absent);
}

#[test]
fn one_that_never_answered_or_is_dead_already_says_nothing() {
    let mut edge = Edge::at_work();
    edge.contacts[0][1] = Contact::default();
    edge.lose(0, 1, start() + SECOND);
    assert_eq!(edge.isolation.next_look(), None);
    edge.lose(1, 1, start() + SECOND);
    assert!(edge.isolation.next_look().is_some());
    edge.hear(0, start() + 20 * SECOND);
    edge.isolation.asked = false;
    edge.lose(1, 1, start() + 20 * SECOND);
    assert_eq!(edge.isolation.next_look(), None);
}

#[test]
fn who_answered_last_speaks_for_its_site() {
    let mut edge = Edge::at_work();
    let same_family = |n: u16| AccessPointId {
        dc: DcId(1),
        address: crate::routing::DialAddress::tcp(([192, 0, 2, 1], n).into()),
    };
    let (mut died, mut well) = (Contact::default(), Contact::default());
    died.on_answer(start());
    well.on_answer(start() + SECOND);
    died.on_failure(start() + 2 * SECOND);
    let contacts = [("a", same_family(1), died), ("b", same_family(2), died)];
    edge.hear(0, start() + SECOND);
    assert_eq!(edge.isolation.look(contacts.into_iter(), start()), Signs::Complete);
    let contacts = contacts.into_iter().chain([("a", same_family(3), well)]);
    let untried = Signs::Untried(vec![same_family(3)]);
    assert_eq!(edge.isolation.look(contacts, start()), untried);
}

#[test]
fn looks_keep_their_distance() {
    let mut edge = Edge::at_work();
    edge.lose(0, 0, start() + SECOND);
    edge.look(start() + SILENCE);
    edge.lose(0, 1, start() + SILENCE);
    assert_eq!(edge.isolation.next_look(), Some(start() + SILENCE + LOOK_PAUSE));
}

#[test]
fn a_network_of_one_site_is_never_isolated() {
    let mut edge = Edge::default();
    edge.hear(0, start());
    edge.lose_site(0, start() + SECOND);
    assert_eq!(edge.look(start() + SILENCE), Signs::Absent);
}
