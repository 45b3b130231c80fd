//! The admin API against its OpenAPI document: schemathesis makes requests of all that the document
//! allows and much that it forbids, and looks whether the answers are what it says.
//!
//! It needs `schemathesis` (PyPI): without it the test is reported as ignored, with the reason.
//! `NEARPOINT_FAIL_ON_SKIP=1` makes that a failure.

#[path = "../../loadtest/tests/support/skip.rs"]
mod skip;

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, ExitCode, Output};

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use nearpoint::app::App;
use nearpoint::stub::{Service, StubDc};
use skip::skip;
use tempfile::TempDir;

const TOKEN: &str = "a-token-for-nobody-but-tests";

/// What the document cannot say.
const EXCEPTIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/contract/schemathesis.toml");

/// Requests made up for each endpoint, beside the examples and the corner cases.
const REQUESTS: &str = "25";

fn main() -> ExitCode {
    let name = "the_api_is_what_its_document_says";
    let trial = Trial::ignorable_test(name, || match is_installed() {
        true => holds_to_its_document(),
        false => skip("there is no `schemathesis`"),
    });
    libtest_mimic::run(&Arguments::from_args(), vec![trial]).exit_code()
}

fn is_installed() -> bool {
    Command::new("schemathesis").arg("--version").output().is_ok_and(|it| it.status.success())
}

fn holds_to_its_document() -> Result<Completion, Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let output = runtime.block_on(async {
        let edge = Edge::start().await;
        let admin = edge.admin;
        let asked = tokio::task::spawn_blocking(move || ask(admin));
        asked.await.map_err(|error| Failed::from(error.to_string()))
    })?;
    let Output { status, stdout, stderr } = output?;
    match status.success() {
        true => Ok(Completion::Completed),
        false => {
            let said = [stdout, stderr].map(|it| String::from_utf8_lossy(&it).into_owned());
            Err(said.concat().into())
        }
    }
}

/// From a folder of its own: it leaves notes where it runs.
fn ask(admin: SocketAddr) -> Result<Output, Failed> {
    let folder = tempfile::tempdir()?;
    let mut command = Command::new("schemathesis");
    command.current_dir(&folder).args(["--no-color", "--config-file", EXCEPTIONS, "run"]);
    command.arg(format!("http://{admin}/v1/openapi.json"));
    command.args(["--header", &format!("Authorization: Bearer {TOKEN}")]);
    // The same requests each time: a failure is one of the change that is tested.
    command.args(["--seed", "1", "--max-examples", REQUESTS, "--continue-on-failure"]);
    command.args(["--phases", "examples,coverage,fuzzing", "--suppress-health-check", "all"]);
    Ok(command.output()?)
}

/// A daemon in this process, before two DCs. Ends when it is dropped together with its runtime.
struct Edge {
    _app: App,
    _dcs: [StubDc; 2],
    _folder: TempDir,
    admin: SocketAddr,
}

impl Edge {
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let at = [(SocketAddr::from(([127, 0, 0, 1], 0)), Service::Who)];
        let dcs = [2, 4].map(|dc| StubDc::bind(dc, &at).expect("a stub DC"));
        let entries = dcs.iter().map(|dc| {
            let at = dc.local_addrs()[0];
            format!("- {{id: {}, ip: '{}', port: {}}}\n", dc.dc(), at.ip(), at.port())
        });
        write(folder.path(), "dc_options.yaml", &entries.collect::<String>());
        write(folder.path(), "tokens", &format!("tests write {TOKEN}\n"));
        let main = format!(
            "edge: {{name: edge-1, workers: 1, state_dir: {}}}\n\
             listeners: [{{name: clients, bind: ['127.0.0.1:0']}}]\n\
             shutdown: {{grace: 0s, deadline: 0s}}\n\
             admin: {{bind: '127.0.0.1:0', tokens_file: tokens}}\n\
             metrics: {{bind: none}}\n",
            folder.path().join("state").display()
        );
        write(folder.path(), "nearpoint.yaml", &main);
        let started = App::start(&folder.path().join("nearpoint.yaml")).await;
        let app = started.unwrap_or_else(|error| panic!("{error}"));
        let admin = app.admin.expect("it has an admin API");
        Self { _app: app, _dcs: dcs, _folder: folder, admin }
    }
}

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::write(&path, text).expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("set");
}
