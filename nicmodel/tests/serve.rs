//! The server as a process: what it says, and what it leaves behind.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

/// The server of `card` at `socket`.
fn serve(card: &str, socket: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_lockgate-nicmodel"))
        .args(["serve", "--card", card, "--socket"])
        .arg(socket)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// What the server says before anything else.
fn first_line(server: &mut Child) -> String {
    let mut line = String::new();
    let stdout = server.stdout.as_mut().unwrap();
    BufReader::new(stdout).read_line(&mut line).unwrap();
    line
}

/// Asks the server to end by `signal`, and waits until it has; gives its status.
fn end(mut server: Child, signal: Signal) -> Option<i32> {
    kill_process(Pid::from_child(&server), signal).unwrap();
    server.wait().unwrap().code()
}

#[test]
fn the_server_says_when_it_is_ready_and_a_signal_leaves_no_socket() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("card");
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let mut server = serve("82576", &socket);
        let ready = format!("ready: 82576 at {}\n", socket.display());
        assert_eq!(first_line(&mut server), ready);
        assert!(socket.exists());
        assert_eq!(end(server, signal), Some(0));
        assert!(!socket.exists());
    }
}

#[test]
fn a_server_that_was_killed_does_not_keep_the_next_from_starting() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("card");
    let mut server = serve("82599", &socket);
    first_line(&mut server);
    end(server, Signal::KILL);
    assert!(socket.exists(), "nobody could remove it");
    let mut server = serve("82599", &socket);
    assert!(first_line(&mut server).starts_with("ready: 82599"));
    end(server, Signal::TERM);
}

#[test]
fn a_socket_that_another_server_has_is_refused_and_left_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("card");
    let other = UnixListener::bind(&socket).unwrap();
    let server = serve("82574", &socket);
    let output = server.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty(), "it is not ready");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("name a new file"), "{said}");
    other.set_nonblocking(true).unwrap();
    assert!(other.accept().is_err(), "nobody came to the other server");
    assert!(socket.exists());
}

#[test]
fn a_signal_ends_a_conversation_and_so_does_the_client() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("card");
    for by_signal in [true, false] {
        let mut server = serve("82574", &socket);
        first_line(&mut server);
        let client = UnixStream::connect(&socket).unwrap();
        while socket.exists() {
            std::thread::yield_now();
        }
        let mut said = server.stderr.take().unwrap();
        let status = if by_signal {
            end(server, Signal::TERM)
        } else {
            drop(client);
            server.wait().unwrap().code()
        };
        assert_eq!(status, Some(0));
        let mut report = String::new();
        said.read_to_string(&mut report).unwrap();
        assert!(report.contains("0 DMA faults"), "{report}");
    }
}
