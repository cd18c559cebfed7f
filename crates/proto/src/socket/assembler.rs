//! Keeps a packet until its attachments have come.
//!
//! They follow the packet's text directly, as binary messages, in order; nothing else may come in between.
//! Their number is bounded when the text is decoded, their bytes here. How long a packet may stay incomplete is
//! for the connection to bound, which knows the time.

use bytes::Bytes;
use bytestring::ByteString;

use super::{DecodeError, Limits};

/// Collects the attachments of one packet at a time. Holds no memory while there is nothing to collect.
#[derive(Debug, Default)]
pub struct Assembler {
    pending: Option<Box<Pending>>,
}

#[derive(Debug)]
struct Pending {
    header: ByteString,
    expected: usize,
    bytes: usize,
    attachments: Vec<Bytes>,
}

/// A packet with all its attachments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complete {
    /// The packet's text, as it was given to [`Assembler::expect`].
    pub header: ByteString,
    /// Its attachments, in order.
    pub attachments: Vec<Bytes>,
}

impl Assembler {
    /// With nothing to collect.
    pub const fn new() -> Self {
        Self { pending: None }
    }

    /// From now on collects the `attachments` (1 at least) that `header`, a decoded packet's text, announced.
    ///
    /// What was being collected is dropped; [`check_text`](Self::check_text) says whether there was anything.
    pub fn expect(&mut self, header: ByteString, attachments: usize) {
        self.pending = Some(Box::new(Pending {
            header,
            expected: attachments,
            bytes: 0,
            // The number is the peer's word for it.
            attachments: Vec::with_capacity(attachments.min(16)),
        }));
    }

    /// Takes a binary message; gives the packet when it was the last one.
    ///
    /// An error leaves nothing to collect.
    pub fn push(&mut self, attachment: Bytes, limits: &Limits) -> Result<Option<Complete>, DecodeError> {
        let Some(mut pending) = self.pending.take() else { return Err(DecodeError::UnexpectedBinary) };
        pending.bytes = pending.bytes.saturating_add(attachment.len());
        if pending.bytes > limits.max_attachment_bytes {
            return Err(DecodeError::AttachmentsTooLarge);
        }
        pending.attachments.push(attachment);
        if pending.attachments.len() < pending.expected {
            self.pending = Some(pending);
            return Ok(None);
        }
        let Pending { header, attachments, .. } = *pending;
        Ok(Some(Complete { header, attachments }))
    }

    /// To be asked for each text message: it is an error while attachments are outstanding.
    pub fn check_text(&self) -> Result<(), DecodeError> {
        if self.is_waiting() { Err(DecodeError::UnexpectedText) } else { Ok(()) }
    }

    /// Whether attachments are outstanding.
    pub fn is_waiting(&self) -> bool {
        self.pending.is_some()
    }

    /// Bytes of attachments held for the packet that is being collected.
    pub fn held_bytes(&self) -> usize {
        self.pending.as_ref().map_or(0, |pending| pending.bytes)
    }
}
