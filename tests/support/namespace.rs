//! Network namespaces that a test has made itself.

use std::fs::File;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// A network namespace. It has no name any more, so that nothing of it is left when this process ends,
/// however that comes about.
#[derive(Debug)]
pub(crate) struct Namespace(pub(crate) File);

impl Namespace {
    /// One with nothing in it, or why there can be none.
    pub(crate) fn new() -> Result<Self, String> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let made = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("nearpoint-test-{}-{made}", std::process::id());
        ip(&format!("netns add {name}"))?;
        let namespace = File::open(Path::new("/run/netns").join(&name));
        // It lives on for as long as it is open.
        ip(&format!("netns delete {name}"))?;
        namespace.map(Self).map_err(|error| format!("cannot open {name}: {error}"))
    }

    /// Does this on a thread inside. Sockets and processes stay inside whoever uses them later.
    pub(crate) fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let enter = || {
            let kind = Some(LinkNameSpaceType::Network);
            move_into_link_name_space(self.0.as_fd(), kind)
                .expect("who has made a namespace may enter it");
        };
        thread::scope(|scope| {
            let inside = scope.spawn(|| {
                enter();
                work()
            });
            inside.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Runs the program `ip` of iproute2 inside.
    pub(crate) fn ip(&self, arguments: &str) -> Result<(), String> {
        self.run(|| ip(arguments))
    }
}

/// The program `ip` of iproute2.
fn ip(arguments: &str) -> Result<(), String> {
    let output = Command::new("ip").args(arguments.split(' ')).output();
    let why = match output {
        Ok(output) if output.status.success() => return Ok(()),
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        Err(error) => error.to_string(),
    };
    Err(format!("`ip {arguments}`: {why}"))
}
