//! QEMU's monitor: one JSON object a line.

use std::io;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Lines;

pub(super) struct Qmp {
    lines: Lines,
}

impl Qmp {
    /// Takes the greeting and leaves negotiation mode.
    pub(super) fn new(lines: Lines, timeout: Duration) -> io::Result<Self> {
        let mut qmp = Self { lines };
        qmp.next(Instant::now() + timeout)?;
        match qmp.execute("qmp_capabilities", json!({}), timeout)? {
            Ok(_) => Ok(qmp),
            Err(reason) => Err(io::Error::other(reason)),
        }
    }

    /// The outer error is the socket's, the inner one QEMU's refusal.
    pub(super) fn execute(
        &mut self,
        command: &str,
        arguments: Value,
        timeout: Duration,
    ) -> io::Result<Result<Value, String>> {
        let request = json!({ "execute": command, "arguments": arguments });
        self.lines.send(&format!("{request}\n"), timeout)?;
        let deadline = Instant::now() + timeout;
        loop {
            let mut answer = self.next(deadline)?;
            if let Some(value) = answer.get_mut("return") {
                return Ok(Ok(value.take()));
            }
            if let Some(error) = answer.get("error") {
                let reason = error["desc"].as_str().unwrap_or("no reason given");
                return Ok(Err(reason.to_owned()));
            }
            // Events come in between.
        }
    }

    fn next(&mut self, deadline: Instant) -> io::Result<Value> {
        let line = self.lines.next(deadline)?;
        serde_json::from_str(&line).map_err(io::Error::from)
    }
}
