//! The local ports that dials are made from.

use std::fs;

/// How many there are for each address (`net.ipv4.ip_local_port_range`, of IPv6 too), in this network
/// namespace; `None` where the kernel does not say.
pub(super) fn local() -> Option<u32> {
    count(&fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?)
}

/// Of the first and the last of them.
fn count(range: &str) -> Option<u32> {
    let mut ends = range.split_whitespace().map(|end| end.parse::<u16>().ok());
    let (first, last) = (ends.next()??, ends.next()??);
    Some(u32::from(last.checked_sub(first)?) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_counted_with_both_ends() {
        assert_eq!(count("32768\t60999\n"), Some(28_232));
        assert_eq!(count("1 65535"), Some(65_535));
        for odd in ["", "5", "60999 32768", "1 x", "0 65536"] {
            assert_eq!(count(odd), None, "{odd}");
        }
    }
}
