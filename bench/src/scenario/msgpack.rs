//! Echo with the msgpack parser: each packet is one binary message, a map of `type`, `nsp`, `id` and `data`.
//! Written in the form of the official clients; read in any order of keys and any width of numbers.

use std::rc::Rc;
use std::time::Instant;

use tokio::task::JoinSet;

use crate::connection::{Connection, Headers, Message};
use crate::error::{Error, Result};
use crate::run::{Outcome, Payload, Plan, Run, Target, tag};

const CLIENTS: usize = 100;
/// Bytes of the text that is echoed.
const TEXT_BYTES: usize = 64;

const CONNECT: u64 = 0;
const EVENT: u64 = 2;
const ACK: u64 = 3;

pub(crate) async fn run(target: Target, plan: Plan) -> Result<Outcome> {
    let run = Run::new();
    let mut clients = JoinSet::new();
    for index in 0..CLIENTS {
        let mut connection = Connection::engine(target.address, Headers::Few, None).await?;
        connection.queue_binary(b"\x82\xa4type\x00\xa3nsp\xa1/");
        connection.flush().await?;
        expect(&mut connection, |packet| packet.kind == CONNECT).await?;
        expect(&mut connection, |packet| packet.is_event(b"welcome")).await?;
        clients.spawn_local(ask(connection, index as u64, Rc::clone(&run)));
    }
    run.measure(target, plan, clients).await
}

async fn ask(mut connection: Connection, index: u64, run: Rc<Run>) -> Result<Connection> {
    let payload = Payload::text(TEXT_BYTES);
    let mut id = 0;
    // One more after the last finds what came too much: it would stand before the answer.
    let mut last = false;
    while !last {
        last = !run.sending();
        let number = tag(index << 40 | u64::from(id));
        let text = payload.parts(&number).concat();
        connection.queue_binary(&question(id, &text));
        let asked = Instant::now();
        connection.flush().await?;
        let answer = [&[0xd9, TEXT_BYTES as u8][..], &text].concat();
        expect(&mut connection, |packet| packet.is_ack(u64::from(id), &answer)).await?;
        run.note_latency(asked.elapsed());
        run.count(1);
        id += 1;
    }
    Ok(connection)
}

/// An `echo` with an ack.
fn question(id: u32, text: &[u8]) -> Vec<u8> {
    let mut packet = b"\x84\xa4type\x02\xa3nsp\xa1/\xa2id\xce".to_vec();
    packet.extend_from_slice(&id.to_be_bytes());
    packet.extend_from_slice(b"\xa4data\x92\xa4echo\xd9");
    packet.push(text.len() as u8);
    packet.extend_from_slice(text);
    packet
}

/// Waits for the next packet, which must be the one; news of others who have left is passed over.
async fn expect(connection: &mut Connection, awaited: impl Fn(&Packet<'_>) -> bool) -> Result<()> {
    loop {
        if let Some(message) = connection.next()? {
            let Message::Binary(bytes) = message else {
                return Err(Error::Wrong("a text where msgpack is spoken".into()));
            };
            match Packet::parse(bytes) {
                Some(packet) if awaited(&packet) => return Ok(()),
                Some(packet) if packet.is_event(b"left") => {}
                _ => return Err(Error::unexpected("another msgpack packet than was due", bytes)),
            }
        } else {
            connection.flush().await?;
            connection.fill().await?;
        }
    }
}

/// A packet whose data is not taken apart.
#[derive(Debug, PartialEq, Eq)]
struct Packet<'a> {
    kind: u64,
    id: Option<u64>,
    data: &'a [u8],
}

impl<'a> Packet<'a> {
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let (mut kind, mut id, mut data) = (None, None, &[][..]);
        for _ in 0..reader.map()? {
            match reader.text()? {
                b"type" => kind = Some(reader.number()?),
                b"id" => id = Some(reader.number()?),
                b"nsp" => drop(reader.text().filter(|namespace| namespace == b"/")?),
                b"data" => data = reader.value()?,
                _ => drop(reader.value()?),
            }
        }
        reader.0.is_empty().then_some(Self { kind: kind?, id, data })
    }

    fn is_event(&self, name: &[u8]) -> bool {
        let mut reader = Reader(self.data);
        self.kind == EVENT && reader.array().is_some() && reader.text() == Some(name)
    }

    /// Whether it answers with one argument, given as it is encoded.
    fn is_ack(&self, id: u64, argument: &[u8]) -> bool {
        self.kind == ACK && self.id == Some(id) && self.data.split_first() == Some((&0x91, argument))
    }
}

/// Takes msgpack values off the front, as far as packets have them; `None` for what they don't.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    /// A big-endian number of so many bytes.
    fn width(&mut self, bytes: usize) -> Option<u64> {
        Some(self.take(bytes)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn number(&mut self) -> Option<u64> {
        match self.byte()? {
            small @ 0..=0x7f => Some(small.into()),
            width @ 0xcc..=0xcf => self.width(1 << (width - 0xcc)),
            // Signed ones; packets have no negative numbers.
            width @ 0xd0..=0xd3 => self.width(1 << (width - 0xd0)),
            _ => None,
        }
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        let length = match self.byte()? {
            short @ 0xa0..=0xbf => u64::from(short & 0x1f),
            width @ 0xd9..=0xdb => self.width(1 << (width - 0xd9))?,
            _ => return None,
        };
        self.take(usize::try_from(length).ok()?)
    }

    fn array(&mut self) -> Option<u64> {
        match self.byte()? {
            short @ 0x90..=0x9f => Some(u64::from(short & 0x0f)),
            0xdc => self.width(2),
            0xdd => self.width(4),
            _ => None,
        }
    }

    fn map(&mut self) -> Option<u64> {
        match self.byte()? {
            short @ 0x80..=0x8f => Some(u64::from(short & 0x0f)),
            0xde => self.width(2),
            0xdf => self.width(4),
            _ => None,
        }
    }

    /// The bytes of a value of whatever kind.
    fn value(&mut self) -> Option<&'a [u8]> {
        let whole = self.0;
        // Values that are still to come.
        let mut open = 1u64;
        while open > 0 {
            open -= 1;
            let payload = match *self.0.first()? {
                0x80..=0x8f | 0xde | 0xdf => {
                    open += 2 * self.map()?;
                    continue;
                }
                0x90..=0x9f | 0xdc | 0xdd => {
                    open += self.array()?;
                    continue;
                }
                0xa0..=0xbf | 0xd9..=0xdb => {
                    self.text()?;
                    continue;
                }
                0x00..=0x7f | 0xe0..=0xff | 0xc0 | 0xc2 | 0xc3 => 0,
                0xcc | 0xd0 => 1,
                0xcd | 0xd1 | 0xd4 => 2,
                0xd5 => 3,
                0xca | 0xce | 0xd2 => 4,
                0xd6 => 5,
                0xcb | 0xcf | 0xd3 => 8,
                0xd7 => 9,
                0xd8 => 17,
                _ => return None,
            };
            self.take(1 + payload)?;
        }
        whole.get(..whole.len() - self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_reads_as_an_event_with_an_id() {
        let bytes = question(7, &[b'x'; 64]);
        let packet = Packet::parse(&bytes).unwrap();
        assert_eq!((packet.kind, packet.id), (EVENT, Some(7)));
        assert!(packet.is_event(b"echo") && !packet.is_event(b"left"));
    }

    #[test]
    fn an_ack_is_known_in_any_order_of_keys() {
        let answer = b"\xa2hi";
        for bytes in [
            &b"\x84\xa4type\x03\xa3nsp\xa1/\xa2id\x09\xa4data\x91\xa2hi"[..],
            b"\x84\xa2id\xcd\x00\x09\xa4data\x91\xa2hi\xa4type\xcc\x03\xa3nsp\xa1/",
        ] {
            assert!(Packet::parse(bytes).unwrap().is_ack(9, answer));
            assert!(!Packet::parse(bytes).unwrap().is_ack(8, answer));
            assert!(!Packet::parse(bytes).unwrap().is_ack(9, b"\xa2ho"));
        }
    }

    #[test]
    fn what_is_cut_off_or_too_long_is_no_packet() {
        let whole = b"\x83\xa4type\x00\xa3nsp\xa1/\xa4data\x81\xa3sid\xc0";
        assert!(Packet::parse(whole).is_some());
        for end in 0..whole.len() {
            assert_eq!(Packet::parse(&whole[..end]), None);
        }
        assert_eq!(Packet::parse(&[whole.as_slice(), b"\xc0"].concat()), None);
    }
}
