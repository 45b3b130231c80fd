//! Processor time and memory of processes, as /proc tells it (proc(5)).

use std::collections::HashMap;
use std::fs;
use std::io;
use std::time::Duration;

/// `pid` and all its descendants that are alive. Workers count as their proxy.
pub(crate) fn family(pid: u32) -> io::Result<Vec<u32>> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(candidate) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // A process that has just ended has nothing to say.
        let Ok(text) = fs::read_to_string(format!("/proc/{candidate}/stat")) else {
            continue;
        };
        if let Some(stat) = parse_stat(&text) {
            children.entry(stat.parent).or_default().push(candidate);
        }
    }
    let mut family = vec![pid];
    let mut next = 0;
    while next < family.len() {
        family.extend(children.remove(&family[next]).unwrap_or_default());
        next += 1;
    }
    Ok(family)
}

/// Processor time, in the program and in the kernel on its behalf. The kernel measures the sum, and splits
/// it as its timer found the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CpuTime {
    pub(crate) user: Duration,
    pub(crate) system: Duration,
}

impl CpuTime {
    pub(crate) fn total(self) -> Duration {
        self.user + self.system
    }

    /// What was used since `before`.
    pub(crate) fn since(self, before: CpuTime) -> CpuTime {
        CpuTime {
            user: self.user.saturating_sub(before.user),
            system: self.system.saturating_sub(before.system),
        }
    }
}

/// User and system time that the processes have used so far, and those children of theirs that have ended
/// and were waited for.
pub(crate) fn cpu_time(pids: &[u32]) -> io::Result<Duration> {
    cpu_times(pids).map(CpuTime::total)
}

/// The same, apart.
pub(crate) fn cpu_times(pids: &[u32]) -> io::Result<CpuTime> {
    let stats = of_living(pids, "stat", parse_stat)?;
    Ok(sum(&stats))
}

/// What this file says of each process that lives: workers come and go. That the first is gone is an error.
fn of_living<T>(pids: &[u32], file: &str, parse: fn(&str) -> Option<T>) -> io::Result<Vec<T>> {
    let mut told = Vec::new();
    for (nth, pid) in pids.iter().enumerate() {
        match fs::read_to_string(format!("/proc/{pid}/{file}")) {
            Ok(text) => told.push(parse(&text).ok_or(io::ErrorKind::InvalidData)?),
            Err(error) if nth > 0 && is_gone(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(told)
}

/// The file of a process that has ended is not found; the process is not, where it ends while it is read.
fn is_gone(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(ENOENT | ESRCH))
}

fn sum(stats: &[Stat]) -> CpuTime {
    CpuTime {
        user: of_ticks(stats.iter().map(|stat| stat.user_ticks).sum()),
        system: of_ticks(stats.iter().map(|stat| stat.system_ticks).sum()),
    }
}

fn of_ticks(ticks: u64) -> Duration {
    Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

/// The same of those threads of one process whose names begin so.
pub(crate) fn cpu_time_of_threads(pid: u32, named: &str) -> io::Result<Duration> {
    let mut ticks = 0;
    for entry in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread that has just ended has nothing to say.
        let Ok(text) = fs::read_to_string(entry?.path().join("stat")) else {
            continue;
        };
        let name = text.split_once('(').map_or("", |(_, rest)| rest);
        if name.starts_with(named) {
            let stat = parse_stat(&text).ok_or(io::ErrorKind::InvalidData)?;
            ticks += stat.user_ticks + stat.system_ticks;
        }
    }
    Ok(of_ticks(ticks))
}

/// How many threads of this process have names that begin so.
pub(crate) fn threads(named: &str) -> io::Result<usize> {
    let mut count = 0;
    for entry in fs::read_dir("/proc/self/task")? {
        // A thread that has just ended has no name.
        let name = fs::read_to_string(entry?.path().join("comm")).unwrap_or_default();
        count += usize::from(name.starts_with(named));
    }
    Ok(count)
}

/// Proportional set size in bytes: pages shared by n processes count 1/n in each.
pub(crate) fn pss(pids: &[u32]) -> io::Result<u64> {
    Ok(of_living(pids, "smaps_rollup", parse_pss)?.into_iter().sum())
}

/// Memory in bytes that the kernel keeps for sessions, of the whole machine: `Slab` (sockets, files, epoll
/// entries, pipes), `KernelStack` and `PageTables` of /proc/meminfo, and what sockets have buffered
/// (/proc/net/sockstat). Sockets in TIME_WAIT, which are left over from sessions before, are not counted:
/// they go by themselves meanwhile.
pub(crate) fn kernel_memory() -> io::Result<u64> {
    let memory = parse_meminfo(&fs::read_to_string("/proc/meminfo")?);
    let sockets = parse_sockstat(&fs::read_to_string("/proc/net/sockstat")?);
    let (memory, sockets) = memory.zip(sockets).ok_or(io::ErrorKind::InvalidData)?;
    let buffered = sockets.pages * rustix::param::page_size() as u64;
    Ok((memory + buffered).saturating_sub(sockets.time_wait * TIME_WAIT))
}

/// Of `tw_sock_TCP` in /proc/slabinfo, since Linux 5.
const TIME_WAIT: u64 = 256;

/// When the process started, in clock ticks since the machine did: with its id this tells it from
/// all others. `None` if there is no such process, or nothing but its exit status is left of it.
pub(crate) fn started(pid: u32) -> io::Result<Option<u64>> {
    match fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(text) => {
            let stat = parse_stat(&text).ok_or(io::ErrorKind::InvalidData)?;
            Ok((!stat.ended).then_some(stat.started))
        }
        Err(error) if is_gone(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

const ENOENT: i32 = rustix::io::Errno::NOENT.raw_os_error();
const ESRCH: i32 = rustix::io::Errno::SRCH.raw_os_error();

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stat {
    /// A zombie.
    ended: bool,
    parent: u32,
    started: u64,
    /// utime + cutime and stime + cstime, in clock ticks.
    user_ticks: u64,
    system_ticks: u64,
}

/// Fields are counted from after the name, the only one that may hold spaces and parentheses.
fn parse_stat(text: &str) -> Option<Stat> {
    let (_, fields) = text.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let number = |nth: usize| -> Option<u64> { fields.get(nth - 3)?.parse().ok() };
    Some(Stat {
        ended: matches!(fields.first(), Some(&("Z" | "X"))),
        parent: u32::try_from(number(4)?).ok()?,
        started: number(22)?,
        user_ticks: number(14)? + number(16)?,
        system_ticks: number(15)? + number(17)?,
    })
}

fn parse_pss(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

fn parse_meminfo(text: &str) -> Option<u64> {
    let kibibytes = |name: &str| -> Option<u64> {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.trim().strip_suffix("kB")?.trim().parse().ok()
    };
    let names = ["Slab", "KernelStack", "PageTables"];
    Some(names.into_iter().map(kibibytes).sum::<Option<u64>>()? * 1024)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sockets {
    time_wait: u64,
    /// Of buffers, by TCP.
    pages: u64,
}

/// `TCP: inuse 24 orphan 0 tw 7 alloc 30 mem 5`
fn parse_sockstat(text: &str) -> Option<Sockets> {
    let line = text.lines().find_map(|line| line.strip_prefix("TCP:"))?;
    let words: Vec<&str> = line.split_whitespace().collect();
    let number = |name: &str| -> Option<u64> {
        let at = words.iter().position(|word| *word == name)?;
        words.get(at + 1)?.parse().ok()
    };
    Some(Sockets { time_wait: number("tw")?, pages: number("mem")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_is_read_behind_any_name() {
        let tail = "S 17 42 42 0 -1 4194560 100 0 0 0 250 31 7 9 20 0 1 0 100 1000 10";
        for name in ["nginx", "nginx: worker", "a) S 1 (b", ")"] {
            let text = format!("42 ({name}) {tail}\n");
            let (user_ticks, system_ticks) = (257, 40);
            let stat = Stat { ended: false, parent: 17, started: 100, user_ticks, system_ticks };
            assert_eq!(parse_stat(&text), Some(stat), "{name}");
            let twice = CpuTime { user: of_ticks(514), system: of_ticks(80) };
            assert_eq!(sum(&[stat, stat]), twice);
        }
    }

    #[test]
    fn broken_stat_is_no_stat() {
        for text in ["", "42", "42 (x)", "42 (x) S", "42 (x) S 1 2 3", "42 (x) S -1 2 3"] {
            assert_eq!(parse_stat(text), None, "{text}");
        }
    }

    #[test]
    fn a_process_has_a_start_until_it_has_ended() {
        let mut child = std::process::Command::new("true").spawn().expect("true exists");
        let pid = child.id();
        // Not waited for yet: it is still there, but as a zombie.
        let ended = || started(pid).unwrap().is_none();
        while !ended() {
            std::thread::yield_now();
        }
        child.wait().unwrap();
        assert_eq!(started(pid).unwrap(), None);
        assert_eq!(started(std::process::id()).unwrap(), started(std::process::id()).unwrap());
        assert!(started(std::process::id()).unwrap().is_some());
    }

    #[test]
    fn pss_is_read_in_bytes_and_not_from_its_parts() {
        let text = "00400000-7ffd ---p 00000000 00:00 0 [rollup]\n\
                    Rss:                9000 kB\nPss:                1234 kB\n\
                    Pss_Dirty:             5 kB\nPss_Anon:              6 kB\n";
        assert_eq!(parse_pss(text), Some(1234 * 1024));
        assert_eq!(parse_pss("Pss_Dirty: 5 kB\n"), None);
        assert_eq!(parse_pss("Pss: many\n"), None);
    }

    #[test]
    fn kernel_memory_is_made_of_what_sessions_need() {
        let meminfo = "MemTotal: 9 kB\nSlab:   600 kB\nSReclaimable:  400 kB\n\
                       KernelStack:  16 kB\nPageTables:  24 kB\nSecPageTables: 7 kB\n";
        assert_eq!(parse_meminfo(meminfo), Some(640 * 1024));
        assert_eq!(parse_meminfo("Slab: 600 kB\n"), None);
        let sockstat = "sockets: used 55\nTCP: inuse 24 orphan 0 tw 7 alloc 30 mem 5\n";
        assert_eq!(parse_sockstat(sockstat), Some(Sockets { time_wait: 7, pages: 5 }));
        assert_eq!(parse_sockstat("UDP: inuse 8 mem 1\n"), None);
        assert!(kernel_memory().unwrap() > 0);
    }

    #[test]
    fn this_process_has_a_family_time_and_memory() {
        let mut child = std::process::Command::new("cat")
            .stdin(std::process::Stdio::piped())
            .spawn()
            .expect("cat exists");
        let own = std::process::id();
        let family = family(own).unwrap();
        assert_eq!(family[0], own);
        assert!(family.contains(&child.id()));
        assert!(pss(&[own]).unwrap() > 0);
        let apart = cpu_times(&[own]).unwrap();
        assert!(cpu_time(&family).unwrap() >= apart.total());
        assert_eq!(apart.since(apart), CpuTime::default());
        drop(child.stdin.take());
        child.wait().unwrap();
        assert!(pss(&family).unwrap() > 0 && cpu_times(&family).is_ok(), "a worker may end");
        assert!(pss(&family[1..]).is_err() && cpu_times(&family[1..]).is_err());
    }
}
