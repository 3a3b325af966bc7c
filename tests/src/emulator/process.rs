//! A child process that is never left behind.
//!
//! It is killed when its value is dropped, and by the kernel when this process
//! ends in any other way. What it writes to standard error is kept for the
//! report.

use std::ffi::OsString;
use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::error::Error;
use super::lock;
use crate::machine;

/// How much of standard error is kept.
const KEPT: usize = 16 << 10;

pub(super) struct Process {
    child: Child,
    said: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
    ended: Option<ExitStatus>,
}

impl Process {
    /// Starts `program`, in the network `namespace` if one is named.
    pub(super) fn start(
        program: &Path,
        namespace: Option<&str>,
        arguments: Vec<OsString>,
    ) -> Result<Self, Error> {
        let name = program.to_string_lossy().into_owned();
        let found = if program.components().count() == 1 {
            machine::find_program(&name)
        } else {
            Some(program.to_owned()).filter(|program| program.is_file())
        };
        let Some(found) = found else {
            return Err(Error::Missing { program: name });
        };
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]);
        if let Some(namespace) = namespace {
            command.args(["ip", "netns", "exec", namespace]);
        }
        command.arg(found).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(Stdio::piped());
        let mut child = spawn(command).map_err(|source| Error::Start {
            program: name,
            source,
        })?;
        let said = Arc::new(Mutex::new(Vec::new()));
        let reader = child.stderr.take().map(|stderr| {
            let said = Arc::clone(&said);
            thread::spawn(move || keep(stderr, &said))
        });
        Ok(Self {
            child,
            said,
            reader,
            ended: None,
        })
    }

    pub(super) fn check(&mut self) -> Result<(), Error> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().unwrap_or(None);
        }
        match self.ended {
            None => Ok(()),
            Some(status) => Err(Error::Ended {
                status: status.to_string(),
                said: self.said(),
            }),
        }
    }

    pub(super) fn wait(&mut self, deadline: Instant) -> Result<ExitStatus, Error> {
        loop {
            let running = self.check().is_ok();
            if let Some(status) = self.ended.filter(|_| !running) {
                return Ok(status);
            }
            if Instant::now() > deadline {
                return Err(self.explain("its end", io::ErrorKind::TimedOut.into()));
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    pub(super) fn freeze(&mut self) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid.filter(|_| self.check().is_ok()) {
            // The process is ours and not reaped, so it can be signalled.
            let _ = kill_process(pid, Signal::STOP);
        }
    }

    pub(super) fn kill(&mut self) {
        // It may have ended already, which is as good.
        let _ = self.child.kill();
        if let Ok(status) = self.child.wait() {
            self.ended = Some(status);
        }
    }

    /// The error of one of its sockets, seen together with the process.
    pub(super) fn explain(&mut self, wanted: &str, error: io::Error) -> Error {
        let wanted = wanted.to_owned();
        if matches!(
            error.kind(),
            io::ErrorKind::UnexpectedEof
                | io::ErrorKind::BrokenPipe
                | io::ErrorKind::ConnectionReset
        ) {
            // The socket closes a moment before the process is seen to have ended.
            let soon = Instant::now() + Duration::from_secs(1);
            while self.check().is_ok() && Instant::now() < soon {
                thread::sleep(Duration::from_millis(2));
            }
        }
        if let Err(ended) = self.check() {
            return ended;
        }
        let said = self.said();
        match error.kind() {
            io::ErrorKind::TimedOut => Error::Silent { wanted, said },
            _ => Error::Broken {
                wanted,
                source: error,
                said,
            },
        }
    }

    /// Its standard error so far, to end a sentence with.
    fn said(&mut self) -> String {
        if self.ended.is_some()
            && let Some(reader) = self.reader.take()
        {
            // Ends at once: the other end of the pipe is closed.
            let _ = reader.join();
        }
        let said = lock(&self.said);
        let text = String::from_utf8_lossy(&said);
        match text.trim() {
            "" => ", and said nothing".into(),
            text => format!(": {text}"),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn keep(mut stderr: ChildStderr, said: &Mutex<Vec<u8>>) {
    let mut chunk = [0; 1024];
    while let Ok(count @ 1..) = stderr.read(&mut chunk) {
        let mut said = lock(said);
        let room = KEPT.saturating_sub(said.len());
        said.extend(&chunk[..count.min(room)]);
    }
}

type Order = (Command, Sender<io::Result<Child>>);

/// Starts `command` from a thread that lives as long as this process: the
/// kernel sends the parent-death signal when the *thread* that forked ends, and
/// a test's thread may end before what it started is handed on.
fn spawn(command: Command) -> io::Result<Child> {
    static STARTER: OnceLock<Mutex<Sender<Order>>> = OnceLock::new();
    let starter = STARTER.get_or_init(|| {
        let (orders, todo) = channel::<Order>();
        thread::spawn(move || {
            for (mut command, answer) in todo {
                // Nobody waiting any more means the child is dropped, not killed:
                // it cannot happen, the caller blocks below.
                let _ = answer.send(command.spawn());
            }
        });
        Mutex::new(orders)
    });
    let (answer, child) = channel();
    let gone = |_| io::Error::other("the thread that starts programs is gone");
    lock(starter)
        .send((command, answer))
        .map_err(|_| gone(()))?;
    child.recv().map_err(|_| gone(()))?
}
