//! Where programs of peers are, and which versions they say they are.

use super::PeerError;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::process::Command;

/// Daemons often live where only root's PATH leads.
const SYSTEM_DIRECTORIES: [&str; 2] = ["/usr/local/sbin", "/usr/sbin"];

/// The program of this name.
pub(crate) fn in_path(name: &str) -> Result<PathBuf, PeerError> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(SYSTEM_DIRECTORIES.map(PathBuf::from))
        .map(|directory| directory.join(name))
        .find(|program| program.is_file())
        .ok_or_else(|| PeerError::Missing { what: format!("{name} is not installed") })
}

/// The first line it prints, to standard output or, as nginx does, to standard error.
pub(crate) async fn version(program: &Path, flag: &str) -> Result<String, PeerError> {
    let mut command = Command::new(program);
    command.arg(flag).stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.map_err(PeerError::Version)?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty());
    Ok(line.unwrap_or("version unknown").to_owned())
}

/// nearpoint: at `given`, or else beside this program, where cargo puts both.
pub(crate) fn nearpoint(given: Option<&Path>) -> Result<PathBuf, PeerError> {
    let program = match given {
        Some(program) => program.to_owned(),
        None => env::current_exe().map_err(PeerError::Prepare)?.with_file_name("nearpoint"),
    };
    if program.is_file() {
        return Ok(program);
    }
    let place = program.display();
    let what = format!("there is no {place}: build it in the same profile, or use --nearpoint");
    Err(PeerError::Missing { what })
}

/// Another nearpoint, which nobody could guess the place of.
pub(crate) fn baseline(given: Option<&Path>) -> Result<PathBuf, PeerError> {
    let missing = || PeerError::Missing { what: "which one is told by --baseline".to_owned() };
    nearpoint(Some(given.ok_or_else(missing)?))
}

/// Envoy: at `given`, or else in `PATH`.
pub(crate) fn envoy(given: Option<&Path>) -> Result<PathBuf, PeerError> {
    match given {
        Some(given) => Ok(given.to_owned()),
        None => in_path("envoy"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_nowhere_is_missing() {
        let error = in_path("no-such-program-anywhere").unwrap_err();
        assert!(matches!(error, PeerError::Missing { .. }));
    }

    #[test]
    fn binary_that_is_not_there_is_missing_with_advice() {
        let error = nearpoint(Some(Path::new("/nowhere/nearpoint"))).unwrap_err();
        assert!(error.to_string().contains("/nowhere/nearpoint"));
        assert!(error.to_string().contains("--nearpoint"));
    }
}
