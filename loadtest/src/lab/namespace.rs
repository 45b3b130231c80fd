//! One network namespace of the lab: programs and threads that are inside it, and its end.

use super::error::LabError;
use super::tool;
use rustix::mount::{UnmountFlags, unmount};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// Where `ip netns` keeps namespaces by name (ip-netns(8)).
pub(super) const DIRECTORY: &str = "/run/netns";

/// For a process that was killed to be gone.
const DYING: Duration = Duration::from_secs(5);

/// Whoever forks faster than this can be killed is left to the next sweep.
const PASSES: u32 = 5;

/// A network namespace, known to `ip netns` by its name. Dropping it kills what runs inside and
/// removes it.
#[derive(Debug)]
pub(crate) struct Namespace {
    name: String,
    entrance: Entrance,
}

impl Namespace {
    /// Makes namespaces of these names: all of them, or none and an error.
    pub(super) fn create<const N: usize>(names: &[String; N]) -> Result<[Namespace; N], LabError> {
        let batch: String = names.iter().map(|name| format!("netns add {name}\n")).collect();
        let mut ip = Command::new("ip");
        ip.args(["-batch", "-"]);
        let made = tool::run(ip, "ip netns add", &batch);
        let opened: Result<Vec<Namespace>, LabError> =
            made.and_then(|()| names.iter().map(|name| Namespace::open(name)).collect());
        if opened.is_err() {
            for name in names {
                // Those that were not made cannot be removed.
                let _ = forget(&path(name));
            }
        }
        Ok(opened?.try_into().expect("there are as many as names"))
    }

    /// One that exists. It is this value's from now on: removed when it is dropped.
    pub(super) fn open(name: &str) -> Result<Namespace, LabError> {
        let file =
            File::open(path(name)).map_err(LabError::io(format!("open namespace {name}")))?;
        Ok(Namespace { name: name.to_owned(), entrance: Entrance(Arc::new(file)) })
    }

    /// As `ip netns` has it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// A command that runs `program` inside, with the process id that spawning it gives. Arguments,
    /// environment and streams can be set as those of any command.
    ///
    /// The program is killed when the *thread* that spawned it ends, even if the lab dies of
    /// SIGKILL: spawn what has to live on from the main thread.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        // This program, also after its file was replaced.
        let mut command = Command::new("/proc/self/exe");
        command.args(["inside", "--parent", &std::process::id().to_string(), "--namespace"]);
        command.arg(path(&self.name)).arg("--").arg(program);
        command
    }

    /// For threads of this process that work inside.
    pub(crate) fn entrance(&self) -> Entrance {
        self.entrance.clone()
    }

    /// Does this on a thread inside. Sockets and devices stay inside whoever uses them later.
    pub(crate) fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, LabError> {
        let failed = || LabError::io(format!("enter namespace {}", self.name));
        thread::scope(|scope| {
            let inside = thread::Builder::new().name("inside".to_owned());
            let thread = inside
                .spawn_scoped(scope, || self.entrance.enter().map(|()| work()))
                .map_err(failed())?;
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)).map_err(failed())
        })
    }

    /// Sets parameters of the network (`net.ipv4.ip_forward`), each to its value.
    pub(crate) fn sysctl<K: AsRef<str> + Sync, V: AsRef<str> + Sync>(
        &self,
        parameters: &[(K, V)],
    ) -> Result<(), LabError> {
        self.run(|| {
            for (key, value) in parameters {
                let (key, value) = (key.as_ref(), value.as_ref());
                let file = format!("/proc/sys/{}", key.replace('.', "/"));
                let failed = LabError::io(format!("set {key} = {value} in {}", self.name));
                fs::write(file, value).map_err(failed)?;
            }
            Ok(())
        })?
    }

    /// Processes inside. Threads of a process that is itself outside are not found.
    pub(crate) fn processes(&self) -> io::Result<Vec<u32>> {
        let here = self.entrance.0.metadata()?;
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let pid = name.to_str().and_then(|name| name.parse().ok());
            found.extend(pid.filter(|pid| is_inside(*pid, &here)));
        }
        Ok(found)
    }

    /// Kills what runs inside, and waits until it is gone; and so what was forked meanwhile.
    fn kill_processes(&self) -> io::Result<()> {
        for _ in 0..PASSES {
            if self.kill_those_there()? == 0 {
                break;
            }
        }
        Ok(())
    }

    /// Kills those that run inside now, and returns how many there were.
    fn kill_those_there(&self) -> io::Result<usize> {
        let here = self.entrance.0.metadata()?;
        let mut killed: Vec<OwnedFd> = Vec::new();
        for pid in self.processes()?.into_iter().filter(|pid| *pid != std::process::id()) {
            let Some(id) = Pid::from_raw(pid.cast_signed()) else { continue };
            // Whoever has ended meanwhile need not be killed.
            let Ok(process) = pidfd_open(id, PidfdFlags::empty()) else { continue };
            // The id may be somebody else's by now; from here on the descriptor holds it fast.
            if is_inside(pid, &here) && pidfd_send_signal(&process, Signal::KILL).is_ok() {
                killed.push(process);
            }
        }
        let count = killed.len();
        for process in killed {
            tool::wait_readable(process, DYING)?;
        }
        Ok(count)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // What cannot be removed now is swept when the next lab is built.
        let _ = self.kill_processes();
        let _ = forget(&path(&self.name));
    }
}

/// The way into a namespace, for threads that outlive a borrow of it.
#[derive(Clone, Debug)]
pub(crate) struct Entrance(Arc<File>);

impl Entrance {
    /// Moves the calling thread inside, for good: a thread pool's or the main thread is the wrong
    /// one. Sockets that exist stay where they were made.
    pub(crate) fn enter(&self) -> io::Result<()> {
        enter(&*self.0)
    }
}

/// Moves the calling thread into the network namespace that this descriptor stands for.
pub(super) fn enter(namespace: impl AsFd) -> io::Result<()> {
    Ok(move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?)
}

fn path(name: &str) -> PathBuf {
    Path::new(DIRECTORY).join(name)
}

/// A process that has ended, and one that may not be looked at, is not inside.
fn is_inside(pid: u32, here: &fs::Metadata) -> bool {
    let there = fs::metadata(format!("/proc/{pid}/ns/net"));
    there.is_ok_and(|there| (there.dev(), there.ino()) == (here.dev(), here.ino()))
}

/// What `ip netns delete` does. The namespace itself ends with its last process and descriptor.
fn forget(path: &Path) -> io::Result<()> {
    match unmount(path, UnmountFlags::DETACH) {
        // A lab that was killed while it made it leaves a file on which nothing is mounted.
        Ok(()) | Err(rustix::io::Errno::INVAL) => fs::remove_file(path),
        Err(error) => Err(error.into()),
    }
}
