//! Many sessions that hardly speak, some that chat, and a few that take what they can get: what a chat
//! feels of the others is how fair a proxy is.

use super::client::Role;
use super::workload::{Appetite, Count};
use std::fmt;
use std::time::Duration;

/// A message of every chat.
const RHYTHM: Duration = Duration::from_millis(50);

/// Bytes of a message.
const MESSAGE: std::ops::RangeInclusive<u32> = 64..=1024;

/// Messages that are due and that a chat has not sent yet: 10 s of them. Those beyond fail.
pub(super) const BACKLOG: usize = 200;

/// How many clients of a mixture do what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shares {
    /// One byte each way, then silence.
    pub(crate) idle: u32,
    /// Messages of 64 to 1,024 bytes and their echo, 20 in a second.
    pub(crate) chats: u32,
    /// Bulk, there and back.
    pub(crate) bulk: u32,
}

impl Shares {
    /// 90%, 9% and 1%; of so few sessions that there would be none, one bulk and one chat.
    pub(crate) fn of(sessions: u32) -> Shares {
        let bulk = (sessions / 100).max(1).min(sessions);
        let chats = (sessions / 100 * 9 + sessions % 100 * 9 / 100).max(1).min(sessions - bulk);
        Shares { idle: sessions - bulk - chats, chats, bulk }
    }

    /// Messages of all chats in a second, unless another rate is asked for.
    pub(crate) fn per_second(self) -> f64 {
        f64::from(self.chats) / RHYTHM.as_secs_f64()
    }

    /// The first are those who chat.
    pub(super) fn role(self, number: u32, appetite: Appetite) -> Role {
        if number < self.chats {
            Role::RoundTrips(MESSAGE)
        } else if number < self.chats + self.bulk {
            Role::Bulk(appetite)
        } else {
            Role::Silence
        }
    }
}

impl fmt::Display for Shares {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shares { idle, chats, bulk } = *self;
        write!(f, "{idle} idle, {}, {bulk} bulk", Count(chats, "chat"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_those_of_the_mixture_and_none_is_missing() {
        for (sessions, idle, chats, bulk) in [
            (5000, 4500, 450, 50),
            (1000, 900, 90, 10),
            (150, 136, 13, 1),
            (3, 1, 1, 1),
            (1, 0, 0, 1),
        ] {
            assert_eq!(Shares::of(sessions), Shares { idle, chats, bulk }, "{sessions}");
        }
    }

    #[test]
    fn every_client_has_its_duty() {
        let shares = Shares::of(1000);
        let roles: Vec<_> = (0..1000).map(|number| shares.role(number, Appetite::Greedy)).collect();
        let count = |is: fn(&Role) -> bool| roles.iter().filter(|role| is(role)).count();
        assert_eq!(count(|role| matches!(role, Role::RoundTrips(_))), 90);
        assert_eq!(count(|role| matches!(role, Role::Bulk(Appetite::Greedy))), 10);
        assert_eq!(count(|role| matches!(role, Role::Silence)), 900);
    }
}
