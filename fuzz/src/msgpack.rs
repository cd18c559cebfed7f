//! Packets in msgpack: what was decoded keeps the promises of text packets, and comes back when it is sent on.

use enchufe_proto::data::Binary;
use enchufe_proto::socket::msgpack::{Decoded, Field, MIN_BINARIES, Outgoing, decode, encode};
use enchufe_proto::socket::{Kind, Limits, json};

const LIMITS: Limits = Limits { max_attachments: 10, max_attachment_bytes: 1_000, max_depth: 100 };

/// The input is the binary message.
pub fn msgpack(data: &[u8]) {
    let (borrowed, owned) = (Binary::Borrowed(data), Binary::Owned(data.to_vec().into()));
    let decoded = decode(&borrowed, &LIMITS);
    assert_eq!(decoded, decode(&owned, &LIMITS), "it does not matter where the bytes lie");
    let Ok(decoded) = decoded else { return };
    let packet = decoded.packet();
    assert!(packet.nsp.starts_with('/') && !packet.nsp.contains(','));
    assert!(packet.data.is_empty() || json::scan(packet.data, LIMITS.max_depth).is_ok());
    assert_eq!(packet.attachments, decoded.attachments().len());
    assert!(packet.attachments == 0 || matches!(packet.kind, Kind::Event | Kind::Ack));
    assert!(packet.attachments <= MIN_BINARIES);
    let attached: usize = decoded.attachments().iter().map(|bytes| bytes.len()).sum();
    assert!(attached <= LIMITS.max_attachment_bytes.min(data.len()));
    assert!(packet.data.len() <= 8 * data.len() + 64 * packet.attachments, "memory is bounded by what came");
    // What names attachments that there are not is refused later, as in text.
    if packet.event(decoded.attachments()).is_err() || packet.ack(decoded.attachments()).is_err() {
        return;
    }
    // Once through the encoder everything has its final form: whole floats are integers, what stood for bytes is bytes.
    let once = Binary::Owned(sent(&decoded).into());
    let limits = Limits { max_attachments: usize::MAX, max_attachment_bytes: usize::MAX, ..LIMITS };
    let once = decode(&once, &limits).expect("what was sent can be read");
    let twice = Binary::Owned(sent(&once).into());
    assert_eq!(decode(&twice, &limits).as_ref(), Ok(&once));
    let (once, packet) = (once.packet(), packet);
    assert_eq!((once.kind, once.nsp, once.id), (packet.kind, packet.nsp, packet.id));
}

fn sent(decoded: &Decoded<'_>) -> Vec<u8> {
    let packet = decoded.packet();
    let outgoing = Outgoing {
        kind: packet.kind,
        nsp: packet.nsp,
        id: packet.id,
        data: packet.data,
        attachments: decoded.attachments(),
    };
    let mut out = Vec::new();
    encode(&mut out, &outgoing, &[Field::Type, Field::Data, Field::Nsp, Field::Id]).expect("it is not large");
    out
}
