//! The messages of a vfio-user client, as a machine emulator that was taken over sends them.
//!
//! The server is a program's; its sources are taken in here, so that the fuzzer sees into
//! them.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::thread;

#[expect(dead_code, reason = "the command line is the program's")]
#[path = "../../nicmodel/src/serve/mod.rs"]
mod serve;

/// The first byte chooses the card; the rest goes over the socket as it is. The connection
/// ends, with an answer to each message before, or with an error.
pub fn vfio_user(data: &[u8]) {
    let Some((card, messages)) = data.split_first() else {
        return;
    };
    let kind = &lockgate_nicmodel::MODELS[usize::from(*card) % lockgate_nicmodel::MODELS.len()];
    let (server, client) = UnixStream::pair().expect("a pair of sockets");
    thread::scope(|scope| {
        let client = &client;
        scope.spawn(move || drain(client));
        scope.spawn(move || {
            let mut client = client;
            // Refused once the server has seen enough.
            let _ = client.write_all(messages);
            let _ = client.shutdown(Shutdown::Write);
        });
        let _ = serve::converse_alone(kind, &server);
        drop(server);
    });
}

/// Reads answers until there are no more, so that the server never waits.
fn drain(mut client: &UnixStream) {
    let mut buffer = [0; 4096];
    while client.read(&mut buffer).is_ok_and(|count| count > 0) {}
}
