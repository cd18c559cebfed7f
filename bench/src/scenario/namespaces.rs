//! One connection in a thousand namespaces: it joins them all, then asks in one after the other, with some
//! questions under way. Every answer must come in the namespace of its question, once, with the same bytes.

use std::collections::HashSet;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::timeout;

use super::echo::{split_id, strip};
use crate::connection::{Connection, Headers, Message};
use crate::error::{Error, Result};
use crate::run::{Outcome, Payload, Plan, Run, Target, tag};

const NAMESPACES: u64 = 1_000;
const IN_FLIGHT: u64 = 16;
/// Joined with one write: thousands at once would look like an attack.
const JOINED_AT_ONCE: u64 = 50;
const JOIN_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of the text that is echoed.
const TEXT_BYTES: usize = 64;

pub(crate) async fn run(target: Target, plan: Plan) -> Result<Outcome> {
    let run = Run::new();
    let mut connection = Connection::open(target.address, Headers::Few).await?;
    for first in (0..NAMESPACES).step_by(JOINED_AT_ONCE as usize) {
        let namespaces = first..NAMESPACES.min(first + JOINED_AT_ONCE);
        match timeout(JOIN_TIMEOUT, join(&mut connection, namespaces)).await {
            Ok(joined) => joined?,
            Err(_) => return Err(Error::Late(format!("namespaces did not admit within {JOIN_TIMEOUT:?}"))),
        }
    }
    let mut clients = JoinSet::new();
    clients.spawn_local(ask(connection, Rc::clone(&run)));
    run.measure(target, plan, clients).await
}

/// Joins; over when each has admitted the client and bidden it welcome.
async fn join(connection: &mut Connection, namespaces: std::ops::Range<u64>) -> Result<()> {
    let mut awaited = HashSet::new();
    for namespace in namespaces {
        let digits = namespace.to_string();
        connection.queue_packet(&[b"0/tenant-", digits.as_bytes(), b","]);
        awaited.extend([(namespace, Step::Admitted), (namespace, Step::Welcome)]);
    }
    connection.flush().await?;
    while !awaited.is_empty() {
        connection.fill().await?;
        while let Some(message) = connection.next()? {
            let (Message::Text(text) | Message::Binary(text)) = message;
            let step = step(text).filter(|step| awaited.remove(step));
            step.ok_or_else(|| Error::unexpected("expected to be admitted to a namespace", text))?;
        }
        connection.flush().await?;
    }
    Ok(())
}

#[derive(Debug, PartialEq, Eq, Hash)]
enum Step {
    Admitted,
    Welcome,
}

fn step(text: &[u8]) -> Option<(u64, Step)> {
    let (step, rest) = match text.split_first()? {
        (b'0', rest) => (Step::Admitted, rest),
        (b'2', rest) => (Step::Welcome, rest),
        _ => return None,
    };
    let (namespace, rest) = namespace(rest)?;
    let beginning: &[u8] = if step == Step::Admitted { b"{" } else { b"[\"welcome\"," };
    rest.starts_with(beginning).then_some((namespace, step))
}

/// The number of a namespace and what follows it.
fn namespace(rest: &[u8]) -> Option<(u64, &[u8])> {
    let (namespace, rest) = split_id(rest.strip_prefix(b"/tenant-")?)?;
    Some((namespace, rest.strip_prefix(b",")?))
}

async fn ask(mut connection: Connection, run: Rc<Run>) -> Result<Connection> {
    let mut questions = Questions { payload: Payload::text(TEXT_BYTES), next: 0, waiting: Vec::new() };
    for _ in 0..IN_FLIGHT {
        questions.ask(&mut connection);
    }
    connection.flush().await?;
    while !questions.waiting.is_empty() {
        connection.fill().await?;
        let now = Instant::now();
        let mut answered = 0;
        while let Some(message) = connection.next()? {
            let (Message::Text(text) | Message::Binary(text)) = message;
            run.note_latency(now.duration_since(questions.accept(text)?));
            answered += 1;
        }
        run.count(answered);
        if run.sending() {
            for _ in 0..answered {
                questions.ask(&mut connection);
            }
        }
        connection.flush().await?;
    }
    connection.finish().await
}

struct Questions {
    payload: Payload,
    next: u64,
    waiting: Vec<(u64, Instant)>,
}

impl Questions {
    fn ask(&mut self, connection: &mut Connection) {
        let id = self.next;
        self.next += 1;
        self.waiting.push((id, Instant::now()));
        let (namespace, digits, number) = ((id % NAMESPACES).to_string(), id.to_string(), tag(id));
        let [head, tail] = self.payload.parts(&number);
        let (namespace, digits) = (namespace.as_bytes(), digits.as_bytes());
        connection.queue_packet(&[
            b"2/tenant-",
            namespace,
            b",",
            digits,
            b"[\"echo\",\"",
            head,
            tail,
            b"\"]",
        ]);
    }

    /// When the question that this answers was asked.
    fn accept(&mut self, text: &[u8]) -> Result<Instant> {
        let parsed = text.strip_prefix(b"3").and_then(namespace).and_then(|(namespace, rest)| {
            let (id, rest) = split_id(rest)?;
            let number = self.payload.number(strip(rest, b"[\"", b"\"]")?)?;
            (number == id && id % NAMESPACES == namespace).then_some(id)
        });
        let id = parsed.ok_or_else(|| Error::unexpected("expected an ack in its namespace", text))?;
        let place = self.waiting.iter().position(|(waiting, _)| *waiting == id);
        let place =
            place.ok_or_else(|| Error::Wrong(format!("ack {id} was not asked for, or came twice")))?;
        Ok(self.waiting.swap_remove(place).1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_counts_once_and_only_in_its_namespace() {
        let payload = Payload::text(TEXT_BYTES);
        let answer = |namespace: u64, id: u64| {
            let text = payload.parts(&tag(id)).concat();
            [format!("3/tenant-{namespace},{id}[\"").as_bytes(), &text, b"\"]"].concat()
        };
        let waiting = vec![(1_007, Instant::now())];
        let mut questions = Questions { payload: payload.clone(), next: 1_008, waiting };
        assert!(questions.accept(&answer(8, 1_007)).is_err());
        assert!(questions.accept(&answer(7, 1_007)).is_ok());
        assert!(questions.accept(&answer(7, 1_007)).is_err());
    }

    #[test]
    fn the_steps_of_a_join_are_told_apart() {
        assert_eq!(step(b"0/tenant-12,{\"sid\":\"x\"}"), Some((12, Step::Admitted)));
        assert_eq!(step(b"2/tenant-12,[\"welcome\",{}]"), Some((12, Step::Welcome)));
        assert_eq!(step(b"4/tenant-12,{\"message\":\"Invalid namespace\"}"), None);
    }
}
