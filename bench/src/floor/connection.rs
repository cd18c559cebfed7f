//! A connection of the floor: its socket, and buffers only while something is in them.

use std::io::Write;
use std::net::Shutdown;

use mio::net::TcpStream;

/// Bytes that may wait for one client.
const MAX_OUTPUT: usize = 1 << 20;

pub(super) struct Connection {
    pub(super) stream: TcpStream,
    pub(super) state: State,
    /// Only while there is something unread or unwritten.
    pub(super) buffers: Option<Box<Buffers>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    Http,
    Opened,
    /// In the main namespace, whatever else it has joined.
    Joined,
    /// In `/chat` alone.
    InChat,
}

#[derive(Default)]
pub(super) struct Buffers {
    /// The beginning of a message whose end has not come.
    pub(super) input: Vec<u8>,
    /// What is gathered, or did not fit into the socket.
    pub(super) output: Vec<u8>,
    /// The ack whose attachment comes next.
    pub(super) announced: Option<Vec<u8>>,
}

impl Connection {
    pub(super) fn buffers(&mut self) -> &mut Buffers {
        self.buffers.get_or_insert_default()
    }

    /// Whoever does not read is not written to for ever: the next read will find the end.
    pub(super) fn drop_if_slow(&mut self) {
        if self.buffers.as_ref().is_some_and(|buffers| buffers.output.len() > MAX_OUTPUT) {
            self.buffers = None;
            self.state = State::Opened;
            // Fails only where the other side has closed already.
            let _ = self.stream.shutdown(Shutdown::Both);
        }
    }

    /// Writes at once where nothing waits before it. A broken socket is noticed by its next read.
    pub(super) fn send(&mut self, bytes: &[u8]) {
        if self.buffers.as_ref().is_some_and(|buffers| !buffers.output.is_empty()) {
            self.buffers().output.extend_from_slice(bytes);
            self.flush();
            return self.drop_if_slow();
        }
        let written = self.stream.write(bytes).unwrap_or(0);
        if let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
            self.buffers().output.extend_from_slice(rest);
        }
        self.drop_if_slow();
    }

    pub(super) fn flush(&mut self) {
        let Some(buffers) = &mut self.buffers else { return };
        while !buffers.output.is_empty() {
            match self.stream.write(&buffers.output) {
                Ok(count) => drop(buffers.output.drain(..count)),
                Err(_) => break,
            }
        }
        if buffers.output.is_empty() && buffers.input.is_empty() && buffers.announced.is_none() {
            self.buffers = None;
        }
    }
}
