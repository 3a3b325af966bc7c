//! UNIX sockets that this program makes: a stale one is replaced, and its own is removed.
//!
//! The rule: nothing is removed but a socket that nobody has, and whether somebody has it is
//! found out without disturbing them.
//!
//! Not here: what is said through a socket.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::{Path, PathBuf};

/// A socket that waits for its client; the file goes when this does.
pub(crate) struct Listener {
    socket: UnixListener,
    path: PathBuf,
}

impl Listener {
    /// Makes the socket at `path`, in the place of one that nobody has any more.
    ///
    /// # Errors
    /// `AddrInUse`, when another process has it or it is no socket; else the operating
    /// system's.
    pub(crate) fn bind(path: &Path) -> io::Result<Self> {
        remove_stale(path)?;
        Ok(Self {
            socket: UnixListener::bind(path)?,
            path: path.to_owned(),
        })
    }

    /// The socket itself.
    pub(crate) fn socket(&self) -> &UnixListener {
        &self.socket
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // Somebody may have removed it already.
        let _ = fs::remove_file(&self.path);
    }
}

/// Removes the socket at `path` if the process that made it has gone.
///
/// # Errors
/// The operating system's, when it cannot be removed.
pub(crate) fn remove_stale(path: &Path) -> io::Result<()> {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
    if is_socket && is_abandoned(path)? {
        fs::remove_file(path)?;
    }
    Ok(())
}

/// Whether no process has the socket at `path`. A datagram socket cannot join one that
/// listens, so a server that waits for its client does not take the question for one.
fn is_abandoned(path: &Path) -> io::Result<bool> {
    match UnixDatagram::unbound()?.connect(path) {
        Err(error) => Ok(error.kind() == ErrorKind::ConnectionRefused),
        Ok(()) => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_that_its_maker_left_behind_is_replaced_and_removed_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("card");
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let listener = Listener::bind(&path).unwrap();
        assert!(path.exists());
        drop(listener);
        assert!(!path.exists());
    }

    #[test]
    fn a_socket_that_is_in_use_stays_and_its_server_meets_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("card");
        let server = Listener::bind(&path).unwrap();
        server.socket().set_nonblocking(true).unwrap();
        let error = Listener::bind(&path).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        let accepted = server.socket().accept().err().unwrap();
        assert_eq!(accepted.kind(), ErrorKind::WouldBlock);
        assert!(path.exists());
    }

    #[test]
    fn a_datagram_socket_is_stale_only_once_its_maker_has_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wire");
        let socket = UnixDatagram::bind(&path).unwrap();
        remove_stale(&path).unwrap();
        assert!(path.exists());
        drop(socket);
        remove_stale(&path).unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn what_is_no_socket_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes");
        fs::write(&path, "mine").unwrap();
        let error = Listener::bind(&path).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        assert_eq!(fs::read(&path).unwrap(), b"mine");
    }
}
