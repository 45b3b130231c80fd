//! Whose a namespace is: its name tells the process that made it.
//!
//! Process ids are used again, so the time at which the process started is in the name as well
//! (`/proc/PID/stat`, in clock ticks since the machine started).

use crate::procfs;
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};

const PREFIX: &str = "np-lab";

/// Labs of this process so far.
static LABS: AtomicU32 = AtomicU32::new(0);

/// The process a lab belongs to, and which of its labs it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    pid: u32,
    started: u64,
    lab: u32,
}

impl Owner {
    /// A new lab of this process.
    pub(super) fn new() -> io::Result<Owner> {
        let pid = std::process::id();
        let started = procfs::started(pid)?.ok_or(io::ErrorKind::NotFound)?;
        Ok(Owner { pid, started, lab: LABS.fetch_add(1, Ordering::Relaxed) })
    }

    /// What the namespace of this part of the lab is called.
    pub(super) fn name(self, role: &str) -> String {
        format!("{self}-{role}")
    }

    /// The owner of a namespace of this name; `None` if it is not of a lab.
    pub(super) fn of(name: &str) -> Option<Owner> {
        let mut fields = name.strip_prefix(PREFIX)?.strip_prefix('-')?.splitn(4, '-');
        let owner = Owner {
            pid: fields.next()?.parse().ok()?,
            started: fields.next()?.parse().ok()?,
            lab: fields.next()?.parse().ok()?,
        };
        fields.next().filter(|role| !role.is_empty()).map(|_| owner)
    }

    /// Whether its process is no more. An error is not a no: who cannot be looked at may live.
    pub(super) fn is_gone(self) -> io::Result<bool> {
        Ok(procfs::started(self.pid)? != Some(self.started))
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}-{}-{}-{}", self.pid, self.started, self.lab)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_is_read_from_the_names_it_gives() {
        let owner = Owner { pid: 42, started: 1700, lab: 3 };
        assert_eq!(owner.name("edge"), "np-lab-42-1700-3-edge");
        assert_eq!(Owner::of("np-lab-42-1700-3-edge"), Some(owner));
    }

    #[test]
    fn names_of_others_have_no_owner() {
        for name in [
            "",
            "edge",
            "np-lab",
            "np-lab-",
            "np-lab-42-1700-3",
            "np-lab-42-1700-3-",
            "np-lab-42-edge",
            "np-lab-x-1700-3-edge",
            "np-lab2-42-1700-3-edge",
            "xnp-lab-42-1700-3-edge",
        ] {
            assert_eq!(Owner::of(name), None, "{name}");
        }
    }

    #[test]
    fn this_process_lives_and_its_predecessor_of_the_same_id_is_gone() {
        let own = Owner::new().unwrap();
        assert!(!own.is_gone().unwrap());
        assert!(Owner { started: own.started + 1, ..own }.is_gone().unwrap());
        // Beyond the largest process id that Linux gives (2^22).
        assert!(Owner { pid: 5_000_000, ..own }.is_gone().unwrap());
    }

    #[test]
    fn two_labs_of_a_process_have_different_names() {
        assert_ne!(Owner::new().unwrap().name("edge"), Owner::new().unwrap().name("edge"));
    }
}
