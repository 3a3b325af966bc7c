//! Both ends of a conversation over a card: TCP whose every byte is checked, UDP that is
//! counted.
//!
//! The rule: the data follow from their place in the stream, so the receiver says where
//! the first wrong byte is, and nothing has to be kept to compare with.
//!
//! Not here: what a conversation proves (`tests/judges`).
#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::env;
use std::error::Error;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

const USAGE: &str = "\
usage: peer send ADDRESS:PORT BYTES
       peer receive PORT BYTES
       peer tell FIRST-ADDRESS:FIRST-PORT ADDRESSES PORTS ADDRESS:PORT EACH SIZE
       peer shout FIRST-ADDRESS:FIRST-PORT ADDRESSES PORTS ADDRESS:PORT EACH SIZE
       peer hear PORT COUNT SECONDS [GROUP OWN-ADDRESS]";

/// Bytes handed to the kernel at once.
const CHUNK: usize = 64 << 10;

/// Datagrams under way at once, few enough for the smallest ring and for a busy machine.
const BURST: usize = 16;

/// The answer to a datagram: no shorter than a frame may be, for a TAP does not pad.
const ANSWER: [u8; 32] = [0; 32];

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&words) {
        Ok(said) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("peer: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[&str]) -> Result<String> {
    match *words {
        ["send", to, bytes] => send(to.parse()?, bytes.parse()?),
        ["receive", port, bytes] => receive(port.parse()?, bytes.parse()?),
        [
            how @ ("tell" | "shout"),
            first,
            addresses,
            ports,
            to,
            each,
            size,
        ] => {
            let sources = Sources {
                first: first.parse()?,
                addresses: addresses.parse()?,
                ports: ports.parse()?,
            };
            tell(
                &sources,
                to.parse()?,
                each.parse()?,
                size.parse()?,
                how == "tell",
            )
        }
        ["hear", port, count, seconds] => hear(port.parse()?, count.parse()?, seconds, None),
        ["hear", port, count, seconds, group, own] => {
            let group = (group.parse()?, own.parse()?);
            hear(port.parse()?, count.parse()?, seconds, Some(group))
        }
        _ => Err(USAGE.into()),
    }
}

/// The word at place `index` of every stream (the finaliser of `SplitMix64`).
fn word(index: u64) -> [u8; 8] {
    let mut z = index.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)).to_le_bytes()
}

/// The bytes of a stream from `start`, a multiple of eight, on.
fn fill(chunk: &mut [u8], start: u64) {
    for (bytes, index) in chunk.chunks_mut(8).zip(start / 8..) {
        bytes.copy_from_slice(&word(index)[..bytes.len()]);
    }
}

/// Sends a stream, and wants the receiver's word that it arrived.
fn send(to: SocketAddr, bytes: u64) -> Result<String> {
    let begun = Instant::now();
    let mut stream = connect(to)?;
    let mut chunk = vec![0; CHUNK];
    let mut sent = 0;
    while sent < bytes {
        let length = usize::try_from(bytes - sent).unwrap_or(CHUNK).min(CHUNK);
        fill(&mut chunk[..length], sent);
        stream.write_all(&chunk[..length])?;
        sent += length as u64;
    }
    stream.shutdown(Shutdown::Write)?;
    let mut verdict = String::new();
    stream.read_to_string(&mut verdict)?;
    if verdict != "whole" {
        return Err(format!("the receiver says: {verdict}").into());
    }
    Ok(format!(
        "sent {sent} bytes in {} ms",
        begun.elapsed().as_millis()
    ))
}

/// Whoever receives may not have begun.
fn connect(to: SocketAddr) -> Result<TcpStream> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        match TcpStream::connect_timeout(&to, Duration::from_secs(5)) {
            Ok(stream) => return Ok(stream),
            Err(error) if Instant::now() > deadline => return Err(error.into()),
            Err(_) => thread::sleep(Duration::from_millis(50)),
        }
    }
}

/// Receives one stream, compares every byte, and tells the sender.
fn receive(port: u16, bytes: u64) -> Result<String> {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port))?;
    let (mut stream, _) = listener.accept()?;
    let begun = Instant::now();
    let verdict = compare(&mut stream, bytes);
    let told = verdict
        .as_ref()
        .map_or_else(ToString::to_string, |()| "whole".into());
    stream.write_all(told.as_bytes())?;
    verdict?;
    Ok(format!(
        "received {bytes} bytes in {} ms",
        begun.elapsed().as_millis()
    ))
}

fn compare(stream: &mut TcpStream, bytes: u64) -> Result<()> {
    let mut chunk = vec![0; CHUNK];
    let mut expected = vec![0; CHUNK];
    let mut received = 0;
    loop {
        let length = read(stream, &mut chunk)?;
        fill(&mut expected[..length], received);
        if let Some(wrong) = (0..length).find(|&i| chunk[i] != expected[i]) {
            return Err(format!("byte {} is wrong", received + wrong as u64).into());
        }
        received += length as u64;
        if length < CHUNK {
            break;
        }
    }
    if received == bytes {
        return Ok(());
    }
    Err(format!("{received} bytes came and not {bytes}").into())
}

/// Reads until `chunk` is full or the stream ends.
fn read(stream: &mut TcpStream, chunk: &mut [u8]) -> Result<usize> {
    let mut length = 0;
    while length < chunk.len() {
        match stream.read(&mut chunk[length..]) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(length)
}

/// The senders of datagrams: each of so many ports at each of so many addresses.
///
/// They lie scattered over 65,536 addresses and 50,000 ports. A hash that is linear, as
/// Toeplitz is, may know only few values for numbers that differ in their last bits.
struct Sources {
    first: SocketAddrV4,
    addresses: u16,
    ports: u16,
}

impl Sources {
    fn open(&self) -> Result<Vec<UdpSocket>> {
        let mut sockets = Vec::new();
        for number in 0..self.addresses {
            let offset = u32::from(number.wrapping_mul(40_503));
            let address = Ipv4Addr::from_bits(self.first.ip().to_bits() + offset);
            for number in 0..self.ports {
                let offset = (u32::from(number) * 40_503 % 50_000) as u16;
                let socket = UdpSocket::bind((address, self.first.port() + offset))?;
                socket.set_read_timeout(Some(PATIENCE))?;
                sockets.push(socket);
            }
        }
        Ok(sockets)
    }
}

/// Sends `each` datagrams of `size` bytes from every source in turn. If they are `heard`,
/// each is answered, and none may be missing.
fn tell(sources: &Sources, to: SocketAddr, each: u32, size: usize, heard: bool) -> Result<String> {
    let sockets = sources.open()?;
    let mut payload = vec![0; size];
    fill(&mut payload, 0);
    for _ in 0..each {
        for burst in sockets.chunks(BURST) {
            for socket in burst {
                socket.send_to(&payload, to)?;
            }
            for socket in burst.iter().filter(|_| heard) {
                let answer = socket.recv(&mut [0; ANSWER.len()]);
                answer.map_err(|error| format!("{}: no answer: {error}", describe(socket)))?;
            }
        }
    }
    Ok(format!(
        "sent {each} datagrams from each of {} sources",
        sockets.len()
    ))
}

fn describe(socket: &UdpSocket) -> String {
    socket
        .local_addr()
        .map_or_else(|error| error.to_string(), |address| address.to_string())
}

/// Counts datagrams, and answers each, until `count` came or time is over.
fn hear(
    port: u16,
    count: u32,
    seconds: &str,
    group: Option<(Ipv4Addr, Ipv4Addr)>,
) -> Result<String> {
    let deadline = Instant::now() + Duration::from_secs(seconds.parse()?);
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port))?;
    if let Some((group, own)) = group {
        socket.join_multicast_v4(&group, &own)?;
    }
    let mut received = 0;
    let mut senders = BTreeSet::new();
    let mut payload = vec![0; CHUNK];
    let mut expected = vec![0; CHUNK];
    fill(&mut expected, 0);
    while received < count {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(format!("{received} datagrams came and not {count}").into());
        }
        socket.set_read_timeout(Some(left))?;
        match socket.recv_from(&mut payload) {
            Ok((length, _)) if payload[..length] != expected[..length] => {
                return Err(format!("datagram {received} has wrong bytes").into());
            }
            Ok((_, sender)) => {
                received += 1;
                senders.insert(sender);
                socket.send_to(&ANSWER, sender)?;
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(format!(
        "received {received} datagrams of {} senders",
        senders.len()
    ))
}
