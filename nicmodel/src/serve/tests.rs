//! A served card seen by its client: right requests, wrong ones, random ones.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use lockgate_drivers::device::Iova;
use lockgate_nicmodel::{Model, ModelKind};
use rustix::event::{EventfdFlags, eventfd};
use rustix::fs::{MemfdFlags, SealFlags};
use rustix::io::Errno;

use super::device::Device;
use super::interrupts::Interrupts;
use super::message::Request;
use super::wire::Wire;

struct Client {
    device: Device,
    model: Model,
}

impl Client {
    fn new() -> Self {
        let mut client = Self::strange();
        let answer = client.ask(1, &[0, 0, 1, 0]).unwrap();
        assert_eq!(answer[..4], [0, 0, 1, 0]);
        assert!(answer.ends_with(b"}}\0"), "{answer:?}");
        client
    }

    /// One that has not said which version it speaks.
    fn strange() -> Self {
        let kind = ModelKind::by_name("82576").unwrap();
        let model = kind.model();
        let interrupts = Arc::new(Interrupts::new(kind.pci.vectors));
        let wire = Arc::new(Wire::open(None).unwrap());
        let device = Device::new(kind, model.clone(), interrupts, wire);
        Self { device, model }
    }

    /// Asks with a payload of bytes.
    fn ask(&mut self, command: u16, payload: &[u8]) -> Result<Vec<u8>, Errno> {
        self.ask_with(command, payload.to_vec(), Vec::new())
    }

    fn ask_with(
        &mut self,
        command: u16,
        payload: Vec<u8>,
        files: Vec<OwnedFd>,
    ) -> Result<Vec<u8>, Errno> {
        self.device
            .answer(&mut Request::new(command, payload, files))
    }

    fn read(&mut self, region: u32, offset: u64, count: u32) -> Result<Vec<u8>, Errno> {
        let answer = self.ask(9, &access(region, offset, count))?;
        Ok(answer[16..].to_vec())
    }

    fn write(&mut self, region: u32, offset: u64, data: &[u8]) -> Result<Vec<u8>, Errno> {
        let payload = [access(region, offset, data.len() as u32), data.to_vec()].concat();
        self.ask(10, &payload)
    }

    fn register(&mut self, offset: u64, value: u32) {
        self.write(0, offset, &value.to_le_bytes()).unwrap();
    }

    fn map(&mut self, offset: u64, address: u64, size: u64, file: OwnedFd) -> Result<(), Errno> {
        let mut payload = words(&[32, 3]);
        payload.extend(
            [offset, address, size]
                .iter()
                .flat_map(|number| number.to_ne_bytes()),
        );
        self.ask_with(2, payload, vec![file]).map(drop)
    }
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

fn access(region: u32, offset: u64, count: u32) -> Vec<u8> {
    [&offset.to_ne_bytes()[..], &words(&[region, count])].concat()
}

fn memory(bytes: u64, seals: SealFlags) -> OwnedFd {
    let file = rustix::fs::memfd_create("m", MemfdFlags::ALLOW_SEALING).unwrap();
    rustix::fs::ftruncate(&file, bytes).unwrap();
    rustix::fs::fcntl_add_seals(&file, seals).unwrap();
    file
}

#[test]
fn nothing_is_answered_before_the_version_and_no_other_version_is_spoken() {
    let mut client = Client::strange();
    assert_eq!(client.ask(4, &[0; 16]), Err(Errno::INVAL));
    assert_eq!(client.ask(1, &[1, 0, 0, 0]), Err(Errno::INVAL));
    assert_eq!(client.ask(1, &[0, 0]), Err(Errno::INVAL));
    assert_eq!(client.ask(1, &[0, 0, 9, 0]).unwrap()[..4], [0, 0, 1, 0]);
    assert_eq!(client.ask(1, &[0, 0, 0, 0]), Err(Errno::INVAL), "twice");
}

#[test]
fn the_card_shows_what_it_has() {
    let mut client = Client::new();
    assert_eq!(client.ask(4, &[0; 16]).unwrap(), words(&[16, 3, 9, 5]));
    let mut size = |index: u32| {
        let answer = client
            .ask(5, &words(&[32, 0, index, 0, 0, 0, 0, 0]))
            .unwrap();
        (
            answer.len(),
            u32::from_ne_bytes(*answer[16..].first_chunk().unwrap()),
        )
    };
    assert_eq!(
        [0, 1, 3, 7, 8].map(&mut size),
        [(32, 0x2_0000), (32, 0), (32, 0x4000), (32, 4096), (32, 0)]
    );
    assert_eq!(
        client.ask(7, &words(&[16, 0, 2, 0])).unwrap(),
        words(&[16, 1, 2, 10])
    );
    assert_eq!(client.read(7, 0, 4).unwrap(), [0x86, 0x80, 0xC9, 0x10]);
    assert_eq!(
        client.read(0, 0x5400, 4).unwrap(),
        0xFF47_4C02_u32.to_le_bytes()
    );
    assert_eq!(
        client.read(0, 0x5400, 8).unwrap()[4..],
        0x8000_7682_u32.to_le_bytes()
    );
    assert_eq!(client.read(0, 0x5401, 1).unwrap(), [0xFF]);
}

#[test]
fn an_access_outside_a_region_is_refused() {
    let mut client = Client::new();
    for (region, offset, count) in [
        (0, 0x2_0000, 4),
        (0, 0x1_FFFE, 4),
        (0, u64::MAX, 4),
        (1, 0, 4),
        (3, 0x4000, 1),
        (7, 4093, 4),
        (7, 0, 4097),
        (9, 0, 4),
        (u32::MAX, 0, 0),
        (0, 0, u32::MAX),
    ] {
        assert_eq!(
            client.read(region, offset, count),
            Err(Errno::INVAL),
            "{region} {offset}"
        );
        let payload = access(region, offset, count);
        assert_eq!(
            client.ask(10, &payload),
            Err(Errno::INVAL),
            "{region} {offset}"
        );
    }
}

#[test]
fn only_memory_that_is_there_to_stay_is_mapped_and_only_once() {
    let mut client = Client::new();
    let sealed = || memory(8192, SealFlags::SHRINK);
    assert_eq!(
        client.map(0, 0x1000, 8192, memory(8192, SealFlags::empty())),
        Err(Errno::PERM)
    );
    assert_eq!(client.map(4096, 0x1000, 8192, sealed()), Err(Errno::INVAL));
    assert_eq!(client.map(0, 0x1001, 4096, sealed()), Err(Errno::INVAL));
    assert_eq!(client.map(0, 0x1000, 0, sealed()), Err(Errno::INVAL));
    assert_eq!(
        client.map(u64::MAX - 4095, 0x1000, 4096, sealed()),
        Err(Errno::INVAL)
    );
    assert_eq!(
        client.map(0, u64::MAX - 4095, 4096, sealed()),
        Err(Errno::INVAL)
    );
    assert_eq!(client.map(0, 0x1000, 8192, sealed()), Ok(()));
    assert_eq!(client.map(0, 0x2000, 4096, sealed()), Err(Errno::EXIST));
    assert!(client.model.dma_write(Iova::new(0x2FFF), &[1]).is_ok());
    assert!(client.model.dma_write(Iova::new(0x3000), &[1]).is_err());

    let range = |address: u64, size: u64| {
        [
            words(&[24, 0]),
            [address, size]
                .iter()
                .flat_map(|n| n.to_ne_bytes())
                .collect(),
        ]
        .concat()
    };
    assert_eq!(client.ask(3, &range(0x1000, 4096)), Err(Errno::INVAL));
    assert_eq!(client.ask(3, &range(u64::MAX, 2)), Err(Errno::INVAL));
    assert_eq!(client.ask(3, &range(0x1000, 8192)), Ok(range(0x1000, 8192)));
    assert!(client.model.dma_write(Iova::new(0x1000), &[1]).is_err());
}

#[test]
fn a_message_of_the_card_reaches_the_event_of_its_vector() {
    let mut client = Client::new();
    let event = eventfd(0, EventfdFlags::NONBLOCK).unwrap();
    let set = words(&[20, 0x24, 2, 3, 1]);
    client
        .ask_with(8, set.clone(), vec![event.try_clone().unwrap()])
        .unwrap();
    client.register(0x1514, 0x10);
    client.register(0x1524, 1 << 3);
    client.register(0x1520, 1 << 3);
    let mut count = [0; 8];
    assert_eq!(rustix::io::read(&event, &mut count), Ok(8));
    assert_eq!(u64::from_ne_bytes(count), 1);
    client.ask(8, &set).unwrap();
    client.register(0x1520, 1 << 3);
    assert_eq!(
        rustix::io::read(&event, &mut count),
        Err(Errno::AGAIN),
        "taken away"
    );
    let two = vec![event.try_clone().unwrap(), event];
    assert_eq!(client.ask_with(8, set, two), Err(Errno::INVAL));
    assert_eq!(
        client.ask(8, &words(&[20, 0x24, 2, 9, 2])),
        Err(Errno::INVAL)
    );
    assert_eq!(
        client.ask(8, &words(&[20, 0x22, 2, 0, 8])),
        Err(Errno::INVAL),
        "no booleans"
    );
    assert_eq!(client.ask(8, &words(&[20, 0x21, 0, 0, 0])), Ok(vec![]));
}

#[test]
fn both_resets_forget_registers_and_configuration() {
    for how in 0..2 {
        let mut client = Client::new();
        client.write(7, 4, &[6, 0]).unwrap();
        client.register(0x100, 2);
        match how {
            0 => drop(client.write(7, 0xA9, &[0x80]).unwrap()),
            _ => drop(client.ask(13, &[]).unwrap()),
        }
        assert_eq!(client.read(0, 0x100, 4).unwrap(), [0; 4]);
        assert_eq!(client.read(7, 4, 1).unwrap(), [0]);
    }
}

#[test]
fn no_request_makes_it_panic() {
    let mut random = fastrand::Rng::with_seed(1);
    let mut next = || random.u32(..);
    let mut client = Client::new();
    let mut answered = 0;
    for _ in 0..50_000 {
        let payload: Vec<u8> = (0..next() % 12)
            .flat_map(|_| {
                match next() % 4 {
                    0 => next(),
                    1 => next() & 0xFFFF,
                    _ => next() & 0x2F,
                }
                .to_ne_bytes()
            })
            .collect();
        let files = (next() % 3).saturating_sub(1);
        let files = (0..files)
            .map(|_| memory(4096, SealFlags::SHRINK))
            .collect();
        answered += u32::from(
            client
                .ask_with((next() % 20) as u16, payload, files)
                .is_ok(),
        );
    }
    assert!(answered > 1000, "{answered}");
}
