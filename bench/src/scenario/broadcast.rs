//! Broadcast: one client asks the server to emit to everybody, once or several times with one write, and
//! asks again once every client has the messages, in order, and the acks are there. Counts deliveries.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Instant;

use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::echo::{split_id, strip};
use crate::connection::{Connection, Headers, Message};
use crate::error::{Error, Result};
use crate::run::{Outcome, Payload, Plan, Run, Target, open_all, tag};

/// Bytes of the text that is broadcast.
const TEXT_BYTES: usize = 128;

/// What the clients of one run share.
struct Round {
    run: Rc<Run>,
    payload: Payload,
    clients: u64,
    /// Messages that are sent with one write.
    burst: u64,
    /// Deliveries of what is under way.
    arrived: Cell<u64>,
    everywhere: Notify,
    /// The number of the last message, set before it is sent.
    last: Cell<Option<u64>>,
}

pub(crate) async fn run(target: Target, plan: Plan, count: usize, burst: u64) -> Result<Outcome> {
    let run = Run::new();
    let clients = spawn(open_all(target, count, Headers::Few).await?, burst, &run);
    run.measure(target, long_enough(plan, count as u64 * burst), clients).await
}

/// A plan with several broadcasts in its window, however many clients there are: parts of one would tell nothing.
pub(super) fn long_enough(plan: Plan, deliveries: u64) -> Plan {
    Plan { min_messages: 5 * deliveries, ..plan }
}

/// Sets the clients to work: one of them sends, all receive.
pub(super) fn spawn(
    mut connections: Vec<Connection>,
    burst: u64,
    run: &Rc<Run>,
) -> JoinSet<Result<Connection>> {
    let round = Rc::new(Round {
        run: Rc::clone(run),
        payload: Payload::text(TEXT_BYTES),
        clients: connections.len() as u64,
        burst,
        arrived: Cell::new(0),
        everywhere: Notify::new(),
        last: Cell::new(None),
    });
    let mut clients = JoinSet::new();
    if let Some(sender) = connections.pop() {
        clients.spawn_local(send(sender, Rc::clone(&round)));
    }
    for connection in connections {
        clients.spawn_local(listen(connection, Rc::clone(&round)));
    }
    clients
}

async fn send(mut connection: Connection, round: Rc<Round>) -> Result<Connection> {
    let mut sent = 0;
    loop {
        let end = sent + round.burst;
        if !round.run.sending() {
            round.last.set(Some(end - 1));
        }
        for id in sent..end {
            let number = tag(id);
            let [head, tail] = round.payload.parts(&number);
            let digits = id.to_string();
            connection.queue_packet(&[b"2", digits.as_bytes(), b"[\"broadcast\",\"", head, tail, b"\"]"]);
        }
        connection.flush().await?;
        let begun = Instant::now();
        let (mut acked, mut got) = (sent, sent);
        while !(acked == end && got == end && round.is_everywhere()) {
            tokio::select! {
                filled = connection.fill() => filled?,
                () = round.everywhere.notified() => {}
            }
            while let Some(message) = connection.next()? {
                let Message::Text(text) = message else {
                    return Err(Error::Wrong("an attachment nobody sent".into()));
                };
                if let Some(rest) = text.strip_prefix(b"3") {
                    if acked == end || split_id(rest).is_none_or(|(id, _)| id != acked) {
                        return Err(Error::unexpected("an ack nobody asked for", text));
                    }
                    acked += 1;
                } else {
                    if got == end {
                        return Err(Error::unexpected("a broadcast came twice", text));
                    }
                    round.check(text, got)?;
                    got += 1;
                }
            }
        }
        round.run.note_latency(begun.elapsed());
        if round.last.get().is_some() {
            return connection.finish().await;
        }
        round.arrived.set(0);
        sent = end;
    }
}

async fn listen(mut connection: Connection, round: Rc<Round>) -> Result<Connection> {
    let mut expected = 0;
    loop {
        connection.fill().await?;
        while let Some(message) = connection.next()? {
            let Message::Text(text) = message else {
                return Err(Error::Wrong("an attachment nobody sent".into()));
            };
            round.check(text, expected)?;
            expected += 1;
        }
        connection.flush().await?;
        if round.last.get().is_some_and(|last| expected > last) {
            return connection.finish().await;
        }
    }
}

impl Round {
    /// One delivery: the message with that number and no other.
    fn check(&self, text: &[u8], expected: u64) -> Result<()> {
        let payload = strip(text, b"2[\"msg\",\"", b"\"]");
        if payload.and_then(|payload| self.payload.number(payload)) != Some(expected) {
            return Err(Error::unexpected(&format!("expected broadcast {expected}"), text));
        }
        self.run.count(1);
        self.arrived.set(self.arrived.get() + 1);
        if self.is_everywhere() {
            self.everywhere.notify_one();
        }
        Ok(())
    }

    fn is_everywhere(&self) -> bool {
        self.arrived.get() == self.clients * self.burst
    }
}
