//! `nearpoint check --against-running`: what a reload would change.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::block_on;
use super::client::{AdminUrl, FetchError, fetch};
use crate::config::guards::{self, Listing};
use crate::config::{Config, KeyChange, ReloadPlan};

/// Lines of one kind of change; a new list may have thousands.
const MOST_LINES: usize = 40;

/// Longer values are cut in text.
const LONGEST_VALUE: usize = 60;

/// What a reload would change in a daemon.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Preview {
    /// The daemon that was asked.
    pub daemon: String,
    /// The differences.
    pub plan: ReloadPlan,
    /// Why the daemon would refuse it unless forced; `null` when it would not.
    pub refused_by_guards: Option<String>,
}

/// Why there is no preview.
#[derive(Debug)]
pub(super) enum PreviewError {
    /// No runtime to ask with.
    Runtime(std::io::Error),
    /// The daemon did not answer.
    Fetch(FetchError),
    /// The daemon tells its configuration in another shape.
    OtherShape(AdminUrl),
}

impl fmt::Display for PreviewError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Runtime(error) => error.fmt(f),
            Self::Fetch(error) => error.fmt(f),
            Self::OtherShape(url) => {
                write!(f, "{url} tells its configuration in another shape, is it this version?")
            }
        }
    }
}

impl std::error::Error for PreviewError {}

/// Compares `config` with what the daemon at `url` goes by.
///
/// # Errors
/// When it does not tell.
pub(super) fn of(config: &Config, url: &AdminUrl) -> Result<Preview, PreviewError> {
    let fetched = block_on(fetch::<Value>(url, "/v1/configuration"));
    let running = fetched.map_err(PreviewError::Runtime)?.map_err(PreviewError::Fetch)?;
    let before = Listing::of_effective(&running);
    let before = before.ok_or_else(|| PreviewError::OtherShape(url.clone()))?;
    let guarded = guards::check(&before, &Listing::of(&config.topology), &config.guards);
    Ok(Preview {
        daemon: url.to_string(),
        plan: ReloadPlan::between(&running, &config.effective()),
        refused_by_guards: guarded.err().map(|refusal| refusal.to_string()),
    })
}

/// For people: what takes effect at once, what waits, what stands against it.
pub(super) fn text(preview: &Preview) -> String {
    let Preview { daemon, plan, refused_by_guards } = preview;
    let (waiting, live): (Vec<_>, Vec<_>) = plan.changes.iter().partition(|it| it.restart);
    let mut lines = vec![match plan.changes.is_empty() {
        true => format!("{daemon} goes by the same configuration"),
        false => format!("a reload of {daemon} would change"),
    }];
    for (what, changes) in [("at once:", live), ("after a restart:", waiting)] {
        if changes.is_empty() {
            continue;
        }
        lines.push(format!("  {what}"));
        lines.extend(changes.iter().take(MOST_LINES).map(|it| format!("    {}", line(it))));
        if let Some(more) = changes.len().checked_sub(MOST_LINES).filter(|more| *more > 0) {
            lines.push(format!("    and {more} more (--json has them all)"));
        }
    }
    if let Some(refusal) = refused_by_guards {
        lines.push(format!("the reload would be refused: {refusal}"));
    }
    lines.join("\n")
}

fn line(change: &KeyChange) -> String {
    let path = &change.path;
    match (&change.before, &change.after) {
        (None, Some(_)) => format!("+ {path}"),
        (Some(_), None) => format!("- {path}"),
        (before, after) => {
            let shown = |value: &Option<Value>| value.as_ref().map_or_else(String::new, plain);
            format!("{path}: {} -> {}", shown(before), shown(after))
        }
    }
}

/// As it would be written in YAML, as long as it is short.
fn plain(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            value.to_string()
        }
    };
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

    const MAIN: &str = "listeners: [{name: clients, bind: ['127.0.0.1:443']}]\n";
    const LIST: &str = "[{id: 2, ip: 192.0.2.1, port: 443}, {id: 4, ip: 192.0.2.4, port: 443}]";

    fn config(main: &str, list: &str) -> Config {
        let main = format!("{MAIN}{main}");
        let loaded = parse(
            File { path: Path::new("/main.yaml"), bytes: main.as_bytes() },
            File { path: Path::new("/list.yaml"), bytes: list.as_bytes() },
        );
        loaded.unwrap_or_else(|error| panic!("{error}")).config
    }

    fn preview(old: &Config, new: &Config) -> Preview {
        let (before, after) = (Listing::of(&old.topology), Listing::of(&new.topology));
        Preview {
            daemon: "http://127.0.0.1:9900".into(),
            plan: ReloadPlan::between(&old.effective(), &new.effective()),
            refused_by_guards: guards::check(&before, &after, &new.guards)
                .err()
                .map(|it| it.to_string()),
        }
    }

    #[test]
    fn what_changes_at_once_and_what_waits_are_apart() {
        let old = config("", LIST);
        let new = config(
            "policy: {tie_margin: 10ms}\nlog: {level: debug}\ndcs: [{id: 4, weight: 50}]\n",
            "[{id: 2, ip: 192.0.2.1, port: 443}, {id: 4, ip: 192.0.2.5, port: 443}]",
        );
        let told = text(&preview(&old, &new));
        assert_eq!(
            told,
            "a reload of http://127.0.0.1:9900 would change
  at once:
    + dc_options[4/192.0.2.5:443]
    - dc_options[4/192.0.2.4:443]
    + dcs[4]
    policy.tie_margin: 5ms -> 10ms
  after a restart:
    log.level: info -> debug",
            "\n{told}"
        );
    }

    #[test]
    fn the_same_configuration_and_a_refusal_are_said() {
        let old = config("", LIST);
        let same = config("log: {level: info}\n", LIST);
        assert_eq!(
            text(&preview(&old, &same)),
            "http://127.0.0.1:9900 goes by the same configuration"
        );
        let emptied = config("", "[{id: 2, ip: 192.0.2.1, port: 443}]");
        let told = text(&preview(&old, &emptied));
        assert!(told.contains("the reload would be refused: DC 4 would lose"), "{told}");
    }
}
