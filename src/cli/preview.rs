//! `nearpoint check --against-running`: what a reload would change.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::args::DaemonArgs;
use super::client::{AdminUrl, Call, Conversation, FetchError};
use super::{block_on, exit, table, who_moves};
use crate::admin::view::{ClientsView, DcsView, MovesView, StatusView};
use crate::config::guards::{self, Listing};
use crate::config::{ConfigError, KeyChange, Loaded, ReloadPlan};
use crate::geoip::Databases;

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
    /// Who would move, of the clients that the daemon has seen lately; when that was asked for.
    pub moves: Option<MovesView>,
    /// The number of the push that stands for the file of the list, and still would; `null` when none does.
    pub keeps_push: Option<u64>,
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
    /// The list that was pushed does not go with this configuration.
    Config(ConfigError),
}

impl fmt::Display for PreviewError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Runtime(error) => error.fmt(f),
            Self::Fetch(error) => error.fmt(f),
            Self::Config(error) => error.fmt(f),
            Self::OtherShape(url) => {
                write!(f, "{url} tells its configuration in another shape, is it this version?")
            }
        }
    }
}

impl std::error::Error for PreviewError {}

impl PreviewError {
    /// How the process ends.
    pub(super) fn code(&self) -> u8 {
        match self {
            Self::Fetch(error) => exit::code_of(error),
            Self::Config(_) => exit::BAD_CONFIG,
            Self::Runtime(_) | Self::OtherShape(_) => exit::FAILED,
        }
    }
}

/// Compares a configuration with what a daemon goes by; with its `databases`, says who would move.
///
/// # Errors
/// When it does not tell.
pub(super) fn of(
    loaded: &Loaded,
    databases: Option<Databases>,
    daemon: &DaemonArgs,
) -> Result<Preview, PreviewError> {
    let told = block_on(ask(daemon, databases.is_some()));
    let Told { running, status, clients } =
        told.map_err(PreviewError::Runtime)?.map_err(PreviewError::Fetch)?;
    let before = Listing::of_effective(&running);
    let before = before.ok_or_else(|| PreviewError::OtherShape(daemon.admin.clone()))?;
    let config = &loaded.config;
    let (mut new, mut after) = (config.effective(), Listing::of(&config.topology));
    let stands = status.dc_options.and_then(|it| it.push);
    let stands = stands.filter(|it| it.stands_for(&loaded.list));
    if stands.is_some() {
        // The file is what it was when the push came: a reload keeps that.
        for key in ["dc_options", "dc_options_test_mode", "dc_options_revision"] {
            new[key] = running[key].clone();
        }
        after = before.clone();
    }
    let guarded = guards::check(&before, &after, &config.guards);
    let moves = match databases.zip(clients) {
        Some((databases, Clients { seen, dcs, list })) => {
            let with_push = stands.is_some().then(|| {
                let main = loaded.main.clone();
                main.with_pushed(list.into(), loaded.list.file).map_err(PreviewError::Config)
            });
            let with_push = with_push.transpose()?;
            let config = with_push.as_ref().map_or(config, |loaded| &loaded.config);
            Some(who_moves::forecast(config, databases, (&seen, &dcs)))
        }
        None => None,
    };
    let moved = moves.as_ref().map_or(Ok(()), |moves| {
        guards::check_moves(moves.clients, moves.displaced, &config.guards)
    });
    let refusals = [guarded.err(), moved.err()].into_iter().flatten().map(|it| it.to_string());
    let refusals: Vec<String> = refusals.collect();
    Ok(Preview {
        daemon: daemon.admin.to_string(),
        plan: ReloadPlan::between(&running, &new),
        refused_by_guards: (!refusals.is_empty()).then(|| refusals.join("; ")),
        moves: moves.as_ref().map(MovesView::new),
        keeps_push: stands.map(|push| push.number),
    })
}

/// What a daemon tells of itself.
struct Told {
    running: Value,
    status: StatusView,
    /// If it is wanted.
    clients: Option<Clients>,
}

/// Who came lately, how the DCs are, and the list in force.
struct Clients {
    seen: ClientsView,
    dcs: DcsView,
    list: Vec<u8>,
}

async fn ask(daemon: &DaemonArgs, with_clients: bool) -> Result<Told, FetchError> {
    let mut daemon = Conversation::new(daemon);
    let running = daemon.fetch("/v1/configuration").await?;
    let status = daemon.fetch("/v1/status").await?;
    let clients = match with_clients {
        true => Some(Clients {
            seen: daemon.fetch("/v1/clients?limit=1000000").await?,
            dcs: daemon.fetch("/v1/dcs").await?,
            list: daemon.answer(&Call::get("/v1/dc_options")).await?.body,
        }),
        false => None,
    };
    Ok(Told { running, status, clients })
}

/// For people: what takes effect at once, what waits, what stands against it.
pub(super) fn text(preview: &Preview) -> String {
    let Preview { daemon, plan, refused_by_guards, moves, keeps_push } = preview;
    let mut lines = vec![match plan.changes.is_empty() {
        true => format!("{daemon} goes by the same configuration"),
        false => format!("a reload of {daemon} would change"),
    }];
    lines.extend(changes(plan));
    lines.extend(keeps_push.map(|number| {
        format!("  the list that was pushed (number {number} of the history) would stay")
    }));
    if let Some(refusal) = refused_by_guards {
        lines.push(format!("the reload would be refused: {refusal}"));
    }
    lines.extend(moves.as_ref().map(table::moves));
    lines.join("\n")
}

/// What takes effect at once, and what waits.
pub(super) fn changes(plan: &ReloadPlan) -> Vec<String> {
    let (waiting, live): (Vec<_>, Vec<_>) = plan.changes.iter().partition(|it| it.restart);
    let mut lines = Vec::new();
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
    lines
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
    use crate::config::{Config, File, parse};

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
            moves: None,
            keeps_push: None,
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
