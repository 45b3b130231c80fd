//! Patterns of JSON Schema that match what the parser takes, and nothing else. They keep to the parts
//! of regular expressions that all engines have.

use super::parse::{SIZE_UNITS, TIME_UNITS};

/// One group of an IPv6 address.
const GROUP: &str = "[0-9A-Fa-f]{1,4}";

/// The whole of a text that is one of these.
pub(super) fn whole(pattern: &str) -> String {
    format!("^(?:{pattern})$")
}

/// An address with a port; an IPv6 address may have a scope.
#[must_use]
pub fn socket_address() -> String {
    let (v4, v6, port, scope) = (ipv4(), ipv6(), number(0, 65_535), number(0, u32::MAX.into()));
    format!(r"(?:{v4}|\[(?:{v6})(?:%0*(?:{scope}))?\]):0*(?:{port})")
}

/// An address without a scope, with a port other than 0.
pub(super) fn address_to_connect_to() -> String {
    let (v4, v6, port) = (ipv4(), ipv6(), number(1, 65_535));
    format!(r"(?:{v4}|\[(?:{v6})\]):0*(?:{port})")
}

/// An address, alone or with the length of its prefix.
pub(super) fn network() -> String {
    let (v4, v6) = (ipv4(), ipv6());
    format!("{v4}(?:/(?:[0-2]?[0-9]|3[0-2]))?|(?:{v6})(?:/(?:0?[0-9]{{1,2}}|1[01][0-9]|12[0-8]))?")
}

/// Four numbers, without zeros before them.
pub(super) fn ipv4() -> String {
    let octet = number(0, 255);
    format!(r"(?:{octet})(?:\.(?:{octet})){{3}}")
}

/// Eight groups; `::` stands for one or more that are zero; the last two may be an IPv4 address.
pub(super) fn ipv6() -> String {
    let head = |groups: usize| match groups {
        0 => "::".to_owned(),
        groups => format!("(?:{GROUP}:){{{groups}}}:"),
    };
    let mut hex = vec![format!("(?:{GROUP}:){{7}}{GROUP}")];
    let mut with_v4 = vec![format!("(?:{GROUP}:){{6}}")];
    for groups in 0..=7 {
        let before = head(groups);
        hex.push(match 7 - groups {
            0 => before.clone(),
            left => format!("{before}(?:(?:{GROUP}:){{0,{}}}{GROUP})?", left - 1),
        });
        if groups <= 5 {
            with_v4.push(format!("{before}(?:{GROUP}:){{0,{}}}", 5 - groups));
        }
    }
    format!("{}|(?:{}){}", hex.join("|"), with_v4.join("|"), ipv4())
}

/// A time from `least` to `most` milliseconds.
pub(super) fn time(least: u64, most: u64) -> String {
    quantity(&amounts(least, most, TIME_UNITS))
}

/// A time from `least` to `most` seconds, and no fraction of one.
pub(in crate::config) fn whole_seconds(least: u64, most: u64) -> String {
    let (millis, longer) = TIME_UNITS.split_first().expect("there are units");
    let mut amounts = amounts(least * 1000, most * 1000, longer);
    amounts.push(format!("(?:{})000 *{}", number(least, most), millis.0));
    quantity(&amounts)
}

/// A size from `least` to `most` bytes.
pub(super) fn size(least: u64, most: u64) -> String {
    quantity(&amounts(least, most, SIZE_UNITS))
}

/// A share of at most `most` percent.
pub(super) fn share(most: u64) -> String {
    quantity(&amounts(0, most, &[("%", 1)]))
}

fn quantity(amounts: &[String]) -> String {
    format!("^ *0*(?:{}) *$", amounts.join("|"))
}

/// In each unit, the numbers of it that are within the bounds.
fn amounts(least: u64, most: u64, units: &[(&str, u64)]) -> Vec<String> {
    let ranges = units.iter().map(|(unit, scale)| (unit, least.div_ceil(*scale), most / scale));
    let fitting = ranges.filter(|(_, least, most)| least <= most);
    fitting.map(|(unit, least, most)| format!("(?:{}) *{unit}", number(least, most))).collect()
}

/// The whole numbers from `least` to `most`, without zeros before them.
pub(super) fn number(least: u64, most: u64) -> String {
    let (mut alternatives, mut from) = (Vec::new(), least);
    loop {
        let digits = from.to_string().len();
        let longest = "9".repeat(digits).parse().unwrap_or(u64::MAX);
        let to = most.min(longest);
        digits_between(&from.to_string(), &to.to_string(), "", &mut alternatives);
        if to == most {
            return alternatives.join("|");
        }
        from = to + 1;
    }
}

/// The numbers from `least` to `most`, which have the same number of digits, after a prefix.
fn digits_between(least: &str, most: &str, prefix: &str, alternatives: &mut Vec<String>) {
    let (Some(low), Some(high)) = (least.chars().next(), most.chars().next()) else {
        return alternatives.push(prefix.to_owned());
    };
    let (least_rest, most_rest) = (&least[1..], &most[1..]);
    if low == high {
        return digits_between(least_rest, most_rest, &format!("{prefix}{low}"), alternatives);
    }
    let (mut low, mut high) = (u32::from(low), u32::from(high));
    let rest = least_rest.len();
    let digit = |code: u32| char::from_u32(code).unwrap_or_default();
    if least_rest.chars().any(|digit| digit != '0') {
        let prefix = format!("{prefix}{}", digit(low));
        digits_between(least_rest, &"9".repeat(rest), &prefix, alternatives);
        low += 1;
    }
    let ends_within = most_rest.chars().any(|digit| digit != '9');
    if ends_within {
        high -= 1;
    }
    if low <= high {
        let first = match low == high {
            true => digit(low).to_string(),
            false => format!("[{}-{}]", digit(low), digit(high)),
        };
        let others = match rest {
            0 => String::new(),
            1 => "[0-9]".to_owned(),
            rest => format!("[0-9]{{{rest}}}"),
        };
        alternatives.push(format!("{prefix}{first}{others}"));
    }
    if ends_within {
        let prefix = format!("{prefix}{}", digit(high + 1));
        digits_between(&"0".repeat(rest), most_rest, &prefix, alternatives);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        jsonschema::is_valid(&json!({ "pattern": pattern }), &json!(text))
    }

    proptest! {
        #[test]
        fn a_pattern_of_numbers_matches_those_within(
            (least, most) in (0..3000_u64, 0..3000_u64),
            numbers in prop::collection::vec(0..3500_u64, 20),
        ) {
            let (least, most) = (least.min(most), least.max(most));
            let pattern = whole(&number(least, most));
            for it in [least, most, least.saturating_sub(1), most + 1].into_iter().chain(numbers) {
                let within = (least..=most).contains(&it);
                prop_assert_eq!(matches(&pattern, &it.to_string()), within, "{} {}", pattern, it);
            }
        }

        #[test]
        fn a_pattern_of_addresses_matches_what_is_one(text in "[0-9a-fF]{0,4}(:{1,2}[0-9a]{1,4}|:|\\.[0-9]{1,3}){1,9}") {
            let pattern = whole(&format!("{}|{}", ipv4(), ipv6()));
            prop_assert_eq!(matches(&pattern, &text), text.parse::<std::net::IpAddr>().is_ok());
        }
    }
}
