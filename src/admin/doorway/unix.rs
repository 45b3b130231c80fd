//! A Unix socket in the file system, for its owner alone.

use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};

/// Connections that wait.
const BACKLOG: i32 = 64;

/// For its owner to connect, and for nobody else (unix(7)): root needs no permission.
const MODE: u32 = 0o600;

/// The file of a socket; removed with it, unless somebody has put another one there.
pub(super) struct SocketFile {
    path: PathBuf,
    identity: Identity,
}

/// Device and inode, and when it was made: inodes are used again.
type Identity = (u64, u64, i64, i64);

impl Drop for SocketFile {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|it| identity(&it) == self.identity) {
            // One that stays is replaced at the next start.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Makes a socket at `path`, in place of one at which nobody listens any more.
///
/// # Errors
/// When somebody does, when something else is there, or when it cannot be made.
pub(super) fn bind(path: &Path) -> io::Result<(UnixListener, SocketFile)> {
    remove_stale(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking().cloexec(), None)?;
    // The file gets the mode of the socket, less the umask: at no time may others connect.
    let socket = File::from(OwnedFd::from(socket));
    socket.set_permissions(Permissions::from_mode(MODE))?;
    let socket = Socket::from(OwnedFd::from(socket));
    socket.bind(&SockAddr::unix(path)?)?;
    let file = fs::symlink_metadata(path)?;
    let file = SocketFile { path: path.to_owned(), identity: identity(&file) };
    // A umask may have taken from the owner as well.
    fs::set_permissions(path, Permissions::from_mode(MODE))?;
    socket.listen(BACKLOG)?;
    Ok((socket.into(), file))
}

/// Removes the socket of a process that is gone.
fn remove_stale(path: &Path) -> io::Result<()> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !found.file_type().is_socket() {
        return Err(io::Error::new(ErrorKind::AlreadyExists, "there is a file that is no socket"));
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(_) => Err(io::Error::new(ErrorKind::AddrInUse, "somebody listens there")),
    }
}

fn identity(file: &fs::Metadata) -> Identity {
    (file.dev(), file.ino(), file.mtime(), file.mtime_nsec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_is_for_its_owner_and_goes_with_its_listener() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("admin.sock");
        let (listener, file) = bind(&path).expect("a socket");
        let mode = fs::metadata(&path).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, MODE);
        UnixStream::connect(&path).expect("it listens");
        drop((listener, file));
        assert!(!path.exists());
    }

    #[test]
    fn what_a_dead_daemon_left_is_replaced_and_what_a_living_one_has_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("admin.sock");
        let (dead, file) = bind(&path).expect("a socket");
        // As if the process had been killed.
        std::mem::forget(file);
        drop(dead);
        assert!(path.exists());
        let (alive, _file) = bind(&path).expect("in place of the stale one");
        let refused = bind(&path).map(drop).map_err(|error| error.kind());
        assert_eq!(refused, Err(ErrorKind::AddrInUse));
        drop(alive);
    }

    #[test]
    fn other_files_are_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("admin.sock");
        fs::write(&path, "mine").expect("a file");
        let refused = bind(&path).map(drop).map_err(|error| error.kind());
        assert_eq!(refused, Err(ErrorKind::AlreadyExists));
        assert_eq!(fs::read(&path).expect("it is there"), b"mine");
    }

    #[test]
    fn a_successor_keeps_its_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("admin.sock");
        let (first, file) = bind(&path).expect("a socket");
        drop(first);
        let (_second, _kept) = bind(&path).expect("in place of the stale one");
        drop(file);
        assert!(path.exists());
    }
}
