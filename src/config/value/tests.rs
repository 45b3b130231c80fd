use std::time::Duration;

use super::*;

use proptest::prelude::*;

fn time(text: &str) -> Parsed<Duration> {
    Time::<0, { u64::MAX }>::parse(&Node::Text(text.to_owned())).map(Time::get)
}

#[test]
fn times_and_sizes_have_the_units_of_the_documentation() {
    for (text, millis) in [
        ("0ms", 0),
        ("300ms", 300),
        ("2s", 2_000),
        ("10m", 600_000),
        ("1 h", 3_600_000),
        (" 7d ", 604_800_000),
    ] {
        assert_eq!(time(text), Ok(Duration::from_millis(millis)), "{text}");
    }
    for text in ["", "s", "1.5s", "1M", "1m30s", "+1s", "1S", "１s"] {
        assert!(time(text).is_err(), "{text}");
    }
    let bytes =
        |text: &str| Size::<0, { u64::MAX }>::parse(&Node::Text(text.to_owned())).map(Size::bytes);
    assert_eq!(bytes("64KiB"), Ok(65_536));
    assert_eq!(bytes("1GiB"), Ok(1 << 30));
    for text in ["1kib", "1K", "1GB", "-1KiB", "99999999999GiB"] {
        assert!(bytes(text).is_err(), "{text}");
    }
}

#[test]
fn what_is_told_back_is_short_and_printable() {
    assert_eq!(shown("a\u{1b}[31m\n"), r#""a\u{1b}[31m\n""#);
    let told = shown(&"é".repeat(100_000));
    assert!(told.len() < 200, "{told}");
}

proptest! {
    #[test]
    fn a_time_is_read_as_it_is_spoken(millis in 0..100_000_000_000_u64) {
        let duration = Duration::from_millis(millis);
        prop_assert_eq!(time(&spoken(duration)), Ok(duration));
    }
}
