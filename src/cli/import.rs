//! `nearpoint import`: a list of access points from the dump of a client's `config`.

use std::fs::{self, File, Metadata, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::args::ImportArgs;
use super::{BAD_CONFIG, FAILED, output};
use crate::config::{self, Imported};

/// Means standard input.
const STANDARD_INPUT: &str = "-";

/// Reads the dump and writes the list; ends with 64 when it is none.
pub(super) fn import(args: &ImportArgs) -> ExitCode {
    let name = match args.file.as_os_str() == STANDARD_INPUT {
        true => Path::new("standard input"),
        false => &args.file,
    };
    let bytes = match read(&args.file) {
        Ok(bytes) => bytes,
        Err(error) => {
            return output::fail(&format!("{}: cannot be read: {error}", name.display()), FAILED);
        }
    };
    let imported = match config::import(config::File { path: name, bytes: &bytes }) {
        Ok(imported) => imported,
        Err(error) => {
            error.problems.iter().for_each(|problem| output::note(&problem.to_string()));
            return ExitCode::from(BAD_CONFIG);
        }
    };
    for note in &imported.notes {
        output::note(&format!("note: {note}"));
    }
    let yaml = imported.to_yaml(&name.display().to_string());
    if let Some(path) = &args.output
        && let Err(error) = write(path, &yaml, args.force)
    {
        return output::fail(&format!("{}: {error}", path.display()), FAILED);
    }
    print(args, &imported, &yaml)
}

fn print(args: &ImportArgs, imported: &Imported, yaml: &str) -> ExitCode {
    match (&args.output, args.json) {
        (_, true) => output::print_json(&imported.to_json()),
        (Some(path), false) => {
            output::print(&format!("{}: {}", path.display(), imported.summary()))
        }
        (None, false) => output::print(yaml),
    }
}

/// Pipes are read too; `config` reads files only.
fn read(file: &Path) -> io::Result<Vec<u8>> {
    match file.as_os_str() == STANDARD_INPUT {
        true => config::read_dump(io::stdin().lock()),
        false => config::read_dump(File::open(file)?),
    }
}

/// Writes a file as a whole or not at all: whoever watches it never sees a part. One that is replaced
/// keeps its owner, group and permissions, or whoever reads it could not any more; and a symbolic link
/// still leads to it.
///
/// # Errors
/// When there is a file and it is not to be replaced, and when the system refuses.
fn write(path: &Path, text: &str, replace: bool) -> io::Result<()> {
    let before = match fs::metadata(path) {
        Ok(before) if !before.is_file() => return Err(io::Error::other("is not a file")),
        Ok(_) if !replace => {
            let says = "is there already; --force replaces it";
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, says));
        }
        Ok(before) => Some(before),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let path = match before {
        Some(_) => fs::canonicalize(path)?,
        None => PathBuf::from(path),
    };
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // As for any new file, the umask takes away from this.
    let usual = Permissions::from_mode(0o666);
    let mut file = tempfile::Builder::new().permissions(usual).tempfile_in(folder)?;
    if let Some(before) = &before {
        keep_owner(file.as_file(), before)?;
        file.as_file().set_permissions(before.permissions())?;
    }
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    match before {
        Some(_) => file.persist(path)?,
        None => file.persist_noclobber(path)?,
    };
    Ok(())
}

/// Gives a new file to those who have the old one.
fn keep_owner(file: &File, before: &Metadata) -> io::Result<()> {
    let new = file.metadata()?;
    let owner = (new.uid() != before.uid()).then_some(before.uid());
    let group = (new.gid() != before.gid()).then_some(before.gid());
    if owner.is_none() && group.is_none() {
        return Ok(());
    }
    fchown(file, owner, group)
        .map_err(|error| io::Error::new(error.kind(), format!("cannot keep its owner: {error}")))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{chown, symlink};

    use super::super::args::AFTER_IMPORT;
    use super::*;

    fn refusal(path: &Path, replace: bool) -> String {
        write(path, "new", replace).expect_err("it is refused").to_string()
    }

    #[test]
    fn the_example_of_the_help_is_true() {
        let (_, example) = AFTER_IMPORT.split_once("says\n").expect("a dump");
        let (dump, list) = example.split_once("it makes\n").expect("a list");
        let file = config::File { path: Path::new("dump"), bytes: dump.as_bytes() };
        let yaml = config::import(file).expect("a good dump").to_yaml("a dump");
        let wanted: Vec<&str> = list.lines().map(str::trim).collect();
        assert!(yaml.ends_with(&format!("\n{}\n", wanted.join("\n"))), "{yaml}");
    }

    #[test]
    fn a_file_is_written_once_and_replaced_only_when_that_is_meant() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("list.yaml");
        write(&path, "old", false)?;
        assert!(refusal(&path, false).contains("--force replaces it"));
        assert_eq!(fs::read_to_string(&path)?, "old");
        write(&path, "new", true)?;
        assert_eq!(fs::read_to_string(&path)?, "new");
        write(&folder.path().join("other.yaml"), "new", true)?;
        assert_eq!(fs::read_dir(folder.path())?.count(), 2, "nothing else is left");
        Ok(())
    }

    #[test]
    fn a_replaced_file_keeps_its_permissions_and_its_links() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let (path, link) = (folder.path().join("list.yaml"), folder.path().join("current.yaml"));
        fs::write(&path, "old")?;
        fs::set_permissions(&path, Permissions::from_mode(0o640))?;
        symlink("list.yaml", &link)?;
        write(&link, "new", true)?;
        assert_eq!(fs::read_to_string(&path)?, "new");
        assert_eq!(fs::metadata(&path)?.permissions().mode() & 0o777, 0o640);
        assert!(fs::symlink_metadata(&link)?.is_symlink());
        Ok(())
    }

    #[test]
    fn a_replaced_file_stays_with_those_who_have_it() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("list.yaml");
        fs::write(&path, "old")?;
        // Only some may give files away. For the others there is nobody else to keep it for.
        let _ = chown(&path, Some(1), Some(1));
        let whose = |path: &Path| fs::metadata(path).map(|it| (it.uid(), it.gid()));
        let before = whose(&path)?;
        fs::set_permissions(&path, Permissions::from_mode(0o640))?;
        write(&path, "new", true)?;
        assert_eq!((fs::read_to_string(&path)?.as_str(), whose(&path)?), ("new", before));
        assert_eq!(fs::metadata(&path)?.permissions().mode() & 0o777, 0o640);
        Ok(())
    }

    #[test]
    fn what_is_no_file_is_left_alone() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        assert_eq!(refusal(folder.path(), true), "is not a file");
        assert_eq!(refusal(Path::new("/dev/null"), true), "is not a file");
        assert!(write(&folder.path().join("no/list.yaml"), "new", false).is_err());
        let nowhere = folder.path().join("nowhere.yaml");
        symlink("missing", &nowhere)?;
        assert!(write(&nowhere, "new", false).is_err(), "a link that leads nowhere is there too");
        Ok(())
    }
}
