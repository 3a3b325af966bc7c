//! `attach = { … }`: what a partition's lane is joined to.
//!
//! One table with the keys of every kind, so that each keeps its place; which of them a kind
//! takes, and which it must have, is said in one list below.
//!
//! Not here: whether a path or a name could be one (`lockgate-vmdq`).

use lockgate_vmdq::{Attachment, AttachmentKind, InterfaceAddress, Service, Side, Socket, Wait};
use serde::Deserialize;

use crate::parse::Whole;
use crate::{At, Policy, PolicyError, PolicyErrorKind as Kind, PolicyErrors};

/// An attachment as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(crate) struct Attach {
    kind: At<String>,
    replay: Option<At<String>>,
    socket: Option<At<String>>,
    side: Option<At<String>>,
    queues: Option<At<Whole>>,
    id: Option<At<Whole>>,
    peer: Option<At<String>>,
    name: Option<At<String>>,
    netns: Option<At<String>>,
    owner: Option<At<String>>,
    group: Option<At<String>>,
    mode: Option<At<Mode>>,
    addresses: Option<At<Vec<At<String>>>>,
    serve: Option<At<Vec<At<String>>>>,
    wait: Option<At<String>>,
    user: Option<At<String>>,
}

/// Permissions: `0o660`, or `"0660"` as a shell has them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "permissions such as 0o660 or \"0660\"")]
enum Mode {
    Number(i64),
    Text(String),
}

/// A kind's name, the keys that it takes, and which of them it must have.
struct Keys {
    kind: &'static str,
    takes: &'static [&'static str],
    needs: &'static [&'static str],
}

const SOCKET: [&str; 4] = ["socket", "owner", "group", "mode"];

/// Every kind. All of them take `wait` and `user`.
const KINDS: [Keys; 8] = [
    Keys {
        kind: "pcap",
        takes: &["replay"],
        needs: &[],
    },
    Keys {
        kind: "memif",
        takes: &["socket", "id", "peer", "owner", "group", "mode"],
        needs: &["socket"],
    },
    Keys {
        kind: "vhost-user",
        takes: &["socket", "side", "queues", "owner", "group", "mode"],
        needs: &["socket"],
    },
    Keys {
        kind: "tap",
        takes: &["name", "netns", "owner"],
        needs: &["name"],
    },
    Keys {
        kind: "stack",
        takes: &["addresses", "serve"],
        needs: &["addresses"],
    },
    Keys {
        kind: "lane",
        takes: &SOCKET,
        needs: &["socket"],
    },
    Keys {
        kind: "reflect",
        takes: &[],
        needs: &[],
    },
    Keys {
        kind: "vf",
        takes: &[],
        needs: &[],
    },
];

impl Policy {
    /// Reads every partition's attachment.
    pub(crate) fn read_attachments(&mut self) -> Result<(), PolicyErrors> {
        let mut errors = Vec::new();
        for partition in &mut self.partitions {
            let Some(attach) = &partition.attach else {
                continue;
            };
            match attach.value.read(attach.at) {
                Ok(read) => partition.attachment = read,
                Err(refused) => errors.extend(refused),
            }
        }
        PolicyErrors::of(errors).map_or(Ok(()), Err)
    }
}

impl Attach {
    /// The attachment, whose table is at `at`.
    fn read(&self, at: usize) -> Result<Attachment, Vec<PolicyError>> {
        let keys = self.keys().map_err(|error| vec![error])?;
        let refused = self.refused_keys(keys, at);
        if !refused.is_empty() {
            return Err(refused);
        }
        let read = || {
            Ok(Attachment {
                kind: self.kind_of(keys.kind)?,
                wait: self.wait()?,
                user: text(&self.user),
            })
        };
        read().map_err(|error: PolicyError| vec![error])
    }

    /// The keys of its kind.
    fn keys(&self) -> Result<&'static Keys, PolicyError> {
        let known = KINDS.iter().find(|known| known.kind == *self.kind);
        known.ok_or_else(|| {
            let (found, known) = (
                self.kind.value.clone(),
                quoted(KINDS.iter().map(|k| k.kind)),
            );
            Kind::UnknownAttachment { found, known }.at(self.kind.at)
        })
    }

    /// Its keys, each with the place of its value if it is written.
    fn given(&self) -> [(&'static str, Option<usize>); 13] {
        fn at<T>(value: &Option<At<T>>) -> Option<usize> {
            value.as_ref().map(|value| value.at)
        }
        [
            ("replay", at(&self.replay)),
            ("socket", at(&self.socket)),
            ("side", at(&self.side)),
            ("queues", at(&self.queues)),
            ("id", at(&self.id)),
            ("peer", at(&self.peer)),
            ("name", at(&self.name)),
            ("netns", at(&self.netns)),
            ("owner", at(&self.owner)),
            ("group", at(&self.group)),
            ("mode", at(&self.mode)),
            ("addresses", at(&self.addresses)),
            ("serve", at(&self.serve)),
        ]
    }

    /// Keys that its kind does not take or that are missing.
    fn refused_keys(&self, keys: &Keys, at: usize) -> Vec<PolicyError> {
        let mut refused = Vec::new();
        for (key, given) in self.given() {
            match given {
                Some(place) if !keys.takes.contains(&key) => {
                    let both = keys.takes.iter().copied().chain(["wait", "user"]);
                    let known = quoted(both);
                    let kind = keys.kind;
                    refused.push(Kind::UnknownKey { kind, key, known }.at(place));
                }
                None if keys.needs.contains(&key) => {
                    let kind = keys.kind;
                    refused.push(Kind::MissingKey { kind, key }.at(at));
                }
                _ => {}
            }
        }
        refused
    }

    fn kind_of(&self, kind: &str) -> Result<AttachmentKind, PolicyError> {
        Ok(match kind {
            "memif" => AttachmentKind::Memif {
                socket: self.socket()?,
                id: number(&self.id)?.unwrap_or(0),
                peer: text(&self.peer),
            },
            "vhost-user" => AttachmentKind::VhostUser {
                socket: self.socket()?,
                side: self.side()?,
                queues: number(&self.queues)?,
            },
            "tap" => AttachmentKind::Tap {
                name: text(&self.name).unwrap_or_default(),
                netns: text(&self.netns),
                owner: text(&self.owner),
            },
            "stack" => AttachmentKind::Stack {
                addresses: list(&self.addresses, address)?,
                serve: list(&self.serve, service)?,
            },
            "lane" => AttachmentKind::Lane {
                socket: self.socket()?,
            },
            "reflect" => AttachmentKind::Reflect,
            "vf" => AttachmentKind::Vf,
            _ => AttachmentKind::Pcap {
                replay: text(&self.replay),
            },
        })
    }

    fn socket(&self) -> Result<Socket, PolicyError> {
        let mode = self.mode.as_ref().map(mode).transpose()?;
        Ok(Socket {
            path: text(&self.socket).unwrap_or_default(),
            owner: text(&self.owner),
            group: text(&self.group),
            mode: mode.unwrap_or(Socket::DEFAULT_MODE),
        })
    }

    fn side(&self) -> Result<Side, PolicyError> {
        let Some(side) = &self.side else {
            return Ok(Side::default());
        };
        match side.as_str() {
            "listen" => Ok(Side::Listen),
            "connect" => Ok(Side::Connect),
            _ => Err(bad(side, "a side is `listen` or `connect`")),
        }
    }

    fn wait(&self) -> Result<Wait, PolicyError> {
        let Some(wait) = &self.wait else {
            return Ok(Wait::default());
        };
        let all = [Wait::Auto, Wait::Spin, Wait::Yield, Wait::Sleep];
        let found = all.into_iter().find(|known| known.name() == **wait);
        found.ok_or_else(|| bad(wait, "a way to wait is `auto`, `spin`, `yield` or `sleep`"))
    }
}

fn text(value: &Option<At<String>>) -> Option<String> {
    value.as_ref().map(|value| value.value.clone())
}

/// A number that fits a `T`.
fn number<T: TryFrom<i64>>(value: &Option<At<Whole>>) -> Result<Option<T>, PolicyError> {
    let Some(value) = value else {
        return Ok(None);
    };
    let found = value.value.0;
    let wrong = || Kind::BadValue {
        found: found.to_string(),
        right: "it is a whole number that is neither negative nor that large".to_owned(),
    };
    T::try_from(found)
        .map(Some)
        .map_err(|_| wrong().at(value.at))
}

fn mode(mode: &At<Mode>) -> Result<u16, PolicyError> {
    let number = match &mode.value {
        Mode::Number(number) => u16::try_from(*number).ok(),
        Mode::Text(text) => octal(text),
    };
    let number = number.filter(|number| *number <= 0o777);
    number.ok_or_else(|| {
        let found = match &mode.value {
            Mode::Number(number) => number.to_string(),
            Mode::Text(text) => format!("{text:?}"),
        };
        let right = "permissions are octal, as in \"0660\" or 0o660, and end at 0777".to_owned();
        Kind::BadValue { found, right }.at(mode.at)
    })
}

fn octal(text: &str) -> Option<u16> {
    let digits = !text.is_empty() && text.bytes().all(|b| (b'0'..=b'7').contains(&b));
    u16::from_str_radix(text, 8).ok().filter(|_| digits)
}

fn list<T>(
    values: &Option<At<Vec<At<String>>>>,
    read: fn(&At<String>) -> Result<T, PolicyError>,
) -> Result<Vec<T>, PolicyError> {
    let values = values.iter().flat_map(|values| &values.value);
    values.map(read).collect()
}

fn address(text: &At<String>) -> Result<InterfaceAddress, PolicyError> {
    let right = "an address has its network's bits, as in 10.20.0.1/24 or fd20::1/64";
    text.parse().map_err(|_| bad(text, right))
}

fn service(text: &At<String>) -> Result<Service, PolicyError> {
    let found = Service::ALL
        .into_iter()
        .find(|known| known.name() == **text);
    found.ok_or_else(|| bad(text, "a stack serves `ping`, `echo` and `http`"))
}

fn bad(value: &At<String>, right: &str) -> PolicyError {
    let found = format!("{:?}", value.value);
    let right = right.to_owned();
    Kind::BadValue { found, right }.at(value.at)
}

fn quoted<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    names.join(", ")
}
