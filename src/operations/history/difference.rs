//! How one list differs from another, in counts and lines.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::config::{Config, KeyChange, ReloadPlan};

/// Lines of one difference; a new list may have thousands.
const MOST_LINES: usize = 1000;

/// Longer values are cut.
const LONGEST_VALUE: usize = 300;

/// How one list differs from the one before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Access points that came.
    pub added: usize,
    /// Access points that left.
    pub removed: usize,
    /// Access points that are listed in another way.
    pub changed: usize,
    /// A line for each, at most a thousand, and then one that counts the others. Secrets are `redacted:`
    /// and the beginning of their hash, as in all that a configuration shows of itself.
    pub lines: Vec<String>,
}

impl Difference {
    /// Of what a reload would change.
    #[must_use]
    pub fn of(plan: &ReloadPlan) -> Self {
        let mut this = Self::default();
        let mut changed = BTreeSet::new();
        let mut more = 0;
        for change in &plan.changes {
            let Some((access_point, key)) = within_list(&change.path) else { continue };
            match (&change.before, &change.after) {
                (None, Some(_)) if key.is_empty() => this.added += 1,
                (Some(_), None) if key.is_empty() => this.removed += 1,
                (_, _) => drop(changed.insert(access_point)),
            }
            match this.lines.len() < MOST_LINES {
                true => this.lines.push(line(access_point, key, change)),
                false => more += 1,
            }
        }
        this.changed = changed.len();
        if more > 0 {
            this.lines.push(format!("and {more} more"));
        }
        this
    }

    /// Of the first list that there is.
    #[must_use]
    pub fn from_nothing(config: &Config) -> Self {
        let mut before = config.effective();
        let after = before.clone();
        before["dc_options"] = Value::Array(Vec::new());
        Self::of(&ReloadPlan::between(&before, &after))
    }
}

/// `2/192.0.2.1:443` and `.secret` of `dc_options[2/192.0.2.1:443].secret`: the address of an IPv6 access
/// point has brackets of its own.
fn within_list(path: &str) -> Option<(&str, &str)> {
    let rest = path.strip_prefix("dc_options[")?;
    let end = match rest.find("].") {
        Some(end) => end,
        None => rest.len().checked_sub(1)?,
    };
    Some((rest.get(..end)?, rest.get(end + 1..)?))
}

fn line(access_point: &str, key: &str, change: &KeyChange) -> String {
    let shown = |value: &Option<Value>| match value {
        None => "nothing".to_owned(),
        Some(value) => cut(value.to_string()),
    };
    match (&change.before, &change.after) {
        (None, Some(after)) if key.is_empty() => format!("+ {access_point}{}", notable(after)),
        (Some(before), None) if key.is_empty() => format!("- {access_point}{}", notable(before)),
        (before, after) => format!("~ {access_point}{key}: {} -> {}", shown(before), shown(after)),
    }
}

/// What an entry says beside who it is, less what goes without saying.
fn notable(entry: &Value) -> String {
    let usual = json!({"weight": 100, "protocols": ["tcp"]});
    let says_something = |(key, value): &(&String, &Value)| {
        let is_identity = ["id", "ip_address", "port"].contains(&key.as_str());
        let is_nothing = [json!(false), json!("none"), json!([])].contains(value);
        !is_identity && !is_nothing && usual[key.as_str()] != **value
    };
    let keys = entry.as_object().into_iter().flatten().filter(says_something);
    let said: Vec<String> = keys.map(|(key, value)| format!("{key}: {value}")).collect();
    match said.is_empty() {
        true => String::new(),
        false => cut(format!(" {{{}}}", said.join(", "))),
    }
}

fn cut(text: String) -> String {
    match text.char_indices().nth(LONGEST_VALUE) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{File, parse};

    fn config(list: &str) -> Config {
        let main = b"listeners: [{name: clients, bind: ['127.0.0.1:443']}]";
        let loaded = parse(
            File { path: Path::new("/main.yaml"), bytes: main },
            File { path: Path::new("/list.yaml"), bytes: list.as_bytes() },
        );
        loaded.unwrap_or_else(|error| panic!("{error}")).config
    }

    #[test]
    fn access_points_that_come_go_and_change_have_a_line_each_and_secrets_are_not_told() {
        let secret = "00112233445566778899aabbccddeeff";
        let old =
            config("[{id: 2, ip: 192.0.2.1, port: 443}, {id: 4, ip: '2001:db8::4', port: 443}]");
        let new = config(&format!(
            "[{{id: 2, ip: 192.0.2.2, port: 443, media_only: true}}, {{id: 4, ip: '2001:db8::4', port: 443, secret: {secret}}}]"
        ));
        let Difference { added, removed, changed, lines } =
            Difference::of(&ReloadPlan::new(&old, &new));
        assert_eq!((added, removed, changed), (1, 1, 1), "{lines:?}");
        let all = lines.join("\n");
        assert!(lines.iter().any(|it| it == "+ 2/192.0.2.2:443 {media_only: true}"), "{all}");
        assert!(lines.iter().any(|it| it == "- 2/192.0.2.1:443"), "{all}");
        let changed = lines.iter().find(|it| it.starts_with("~ 4/[2001:db8::4]:443.secret: "));
        assert!(changed.is_some_and(|line| line.contains("redacted:")), "{all}");
        assert!(!all.contains(secret), "{all}");
        let first = Difference::from_nothing(&new);
        assert_eq!((first.added, first.removed, first.changed), (2, 0, 0));
        assert!(!first.lines.join("\n").contains(secret));
    }
}
