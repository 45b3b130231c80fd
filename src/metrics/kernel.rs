//! What only the kernel counts. A file that cannot be read counts as 0: a scrape must not fail
//! because a container hides `/proc`.

use std::fs;

/// Descriptors open in this process.
pub(super) fn open_descriptors() -> i64 {
    let entries = fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    // Reading the folder opens a descriptor of its own.
    i64::try_from(entries.saturating_sub(1)).unwrap_or(i64::MAX)
}

/// Descriptors this process may open.
pub(super) fn descriptor_limit() -> i64 {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// `ListenOverflows` of `TcpExt` in `/proc/net/netstat`: connections dropped because a listen queue
/// was full, since boot, of the whole network namespace.
pub(super) fn listen_overflows() -> i64 {
    let netstat = fs::read_to_string("/proc/self/net/netstat").unwrap_or_default();
    field(&netstat, "TcpExt:", "ListenOverflows").unwrap_or(0)
}

/// Reads one field of the pairs of lines, names over values, that netstat files consist of.
fn field(text: &str, table: &str, name: &str) -> Option<i64> {
    let mut lines = text.lines().filter(|line| line.starts_with(table));
    let (names, values) = (lines.next()?, lines.next()?);
    let at = names.split_whitespace().position(|word| word == name)?;
    values.split_whitespace().nth(at)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_under_its_name() {
        let text = "TcpExt: A ListenOverflows B\nTcpExt: 1 42 3\nIpExt: A\nIpExt: 9\n";
        assert_eq!(field(text, "TcpExt:", "ListenOverflows"), Some(42));
        assert_eq!(field(text, "IpExt:", "A"), Some(9));
        assert_eq!(field(text, "TcpExt:", "Missing"), None);
        assert_eq!(field("", "TcpExt:", "A"), None);
    }
}
