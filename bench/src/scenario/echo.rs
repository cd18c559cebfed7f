//! Echo with ack: each client keeps some questions under way; every answer must be one of those
//! asked, once, with the same bytes. What one read brings is asked anew with one write.

use std::rc::Rc;
use std::time::Instant;

use tokio::task::JoinSet;

use crate::connection::{Connection, Headers, Message};
use crate::error::{Error, Result};
use crate::run::{Outcome, Payload, Plan, Run, Target, open_all, tag};

/// How many clients ask what.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    clients: usize,
    in_flight: usize,
    binary: bool,
    payload: Payload,
}

impl Shape {
    pub(crate) fn text(clients: usize, in_flight: usize, bytes: usize) -> Self {
        Self { clients, in_flight, binary: false, payload: Payload::text(bytes) }
    }

    pub(crate) fn binary(clients: usize, in_flight: usize, bytes: usize) -> Self {
        Self { clients, in_flight, binary: true, payload: Payload::binary(bytes) }
    }
}

pub(crate) async fn run(target: Target, plan: Plan, shape: Shape) -> Result<Outcome> {
    let run = Run::new();
    let shape = Rc::new(shape);
    let mut clients = JoinSet::new();
    for (index, connection) in open_all(target, shape.clients, Headers::Few).await?.into_iter().enumerate() {
        let questions = Questions::new(Rc::clone(&shape), index);
        clients.spawn_local(ask(connection, questions, Rc::clone(&run)));
    }
    run.measure(target, plan, clients).await
}

async fn ask(mut connection: Connection, mut questions: Questions, run: Rc<Run>) -> Result<Connection> {
    for _ in 0..questions.shape.in_flight {
        questions.ask(&mut connection, Instant::now());
    }
    connection.flush().await?;
    while !questions.waiting.is_empty() {
        connection.fill().await?;
        let now = Instant::now();
        let mut answered = 0;
        while let Some(message) = connection.next()? {
            if let Some(asked) = questions.accept(message)? {
                run.note_latency(now.duration_since(asked));
                answered += 1;
            }
        }
        run.count(answered);
        if run.sending() {
            for _ in 0..answered {
                questions.ask(&mut connection, Instant::now());
            }
        }
        connection.flush().await?;
    }
    connection.finish().await
}

/// The questions of one client that wait for their answers.
pub(super) struct Questions {
    shape: Rc<Shape>,
    /// Makes the payloads of two clients differ.
    base: u64,
    next_id: u64,
    waiting: Vec<(u64, Instant)>,
    /// The ack whose attachment comes next.
    announced: Option<u64>,
}

impl Questions {
    pub(super) fn new(shape: Rc<Shape>, index: usize) -> Self {
        let waiting = Vec::with_capacity(shape.in_flight);
        Self { shape, base: (index as u64) << 40, next_id: 0, waiting, announced: None }
    }

    /// Queues the next question, which counts from `meant`.
    pub(super) fn ask(&mut self, connection: &mut Connection, meant: Instant) {
        let id = self.next_id;
        self.next_id += 1;
        self.waiting.push((id, meant));
        let digits = id.to_string();
        let number = tag(self.base + id);
        let [head, tail] = self.shape.payload.parts(&number);
        if self.shape.binary {
            let placeholder = b"[\"echo\",{\"_placeholder\":true,\"num\":0}]";
            connection.queue_packet(&[b"51-", digits.as_bytes(), placeholder]);
            connection.queue_binary(&[head, tail].concat());
        } else {
            connection.queue_packet(&[b"2", digits.as_bytes(), b"[\"echo\",\"", head, tail, b"\"]"]);
        }
    }

    /// When the question that this message answers was asked; `None` for half an answer.
    pub(super) fn accept(&mut self, message: Message<'_>) -> Result<Option<Instant>> {
        let (id, payload) = match (message, self.announced.take()) {
            (Message::Text(text), None) if !self.shape.binary => {
                let parsed = text.strip_prefix(b"3").and_then(split_id);
                let answer = parsed.and_then(|(id, rest)| Some((id, strip(rest, b"[\"", b"\"]")?)));
                answer.ok_or_else(|| Error::unexpected("expected an ack with a text", text))?
            }
            (Message::Text(text), None) => {
                let parsed = text.strip_prefix(b"61-").and_then(split_id);
                let placeholder = parsed.filter(|(_, rest)| is_placeholder(rest));
                let (id, _) = placeholder.ok_or_else(|| Error::unexpected("expected a binary ack", text))?;
                self.announced = Some(id);
                return Ok(None);
            }
            (Message::Binary(bytes), Some(id)) => (id, bytes),
            (Message::Text(bytes) | Message::Binary(bytes), _) => {
                return Err(Error::unexpected("a message between an ack and its attachment", bytes));
            }
        };
        let place = self.waiting.iter().position(|(waiting, _)| *waiting == id);
        let place =
            place.ok_or_else(|| Error::Wrong(format!("ack {id} was not asked for, or came twice")))?;
        if self.shape.payload.number(payload) != Some(self.base + id) {
            return Err(Error::unexpected(&format!("ack {id} holds other bytes than were sent"), payload));
        }
        Ok(Some(self.waiting.swap_remove(place).1))
    }
}

/// Either order of the keys is the same object.
fn is_placeholder(arguments: &[u8]) -> bool {
    matches!(arguments, b"[{\"_placeholder\":true,\"num\":0}]" | b"[{\"num\":0,\"_placeholder\":true}]")
}

/// A decimal number and what follows it.
pub(crate) fn split_id(text: &[u8]) -> Option<(u64, &[u8])> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = text.split_at_checked(digits)?;
    Some((std::str::from_utf8(number).ok()?.parse().ok()?, rest))
}

/// What stands between a beginning and an end.
pub(crate) fn strip<'a>(text: &'a [u8], beginning: &[u8], end: &[u8]) -> Option<&'a [u8]> {
    text.strip_prefix(beginning)?.strip_suffix(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(binary: bool) -> Questions {
        let shape = if binary { Shape::binary(1, 2, 64) } else { Shape::text(1, 2, 64) };
        let mut questions = Questions::new(Rc::new(shape), 3);
        questions.waiting.extend([(0, Instant::now()), (1, Instant::now())]);
        questions
    }

    fn answer(questions: &Questions, id: u64) -> Vec<u8> {
        let payload = questions.shape.payload.parts(&tag(questions.base + id)).concat();
        [format!("3{id}[\"").as_bytes(), &payload, b"\"]"].concat()
    }

    #[test]
    fn answers_are_taken_in_any_order_but_once() {
        let mut questions = asked(false);
        for id in [1, 0] {
            let text = answer(&questions, id);
            assert!(questions.accept(Message::Text(&text)).unwrap().is_some());
        }
        let again = answer(&questions, 0);
        assert!(questions.accept(Message::Text(&again)).is_err());
    }

    #[test]
    fn an_answer_with_another_questions_bytes_is_an_error() {
        let mut questions = asked(false);
        let mut text = answer(&questions, 1);
        text[1] = b'0';
        assert!(questions.accept(Message::Text(&text)).is_err());
    }

    #[test]
    fn a_binary_answer_is_its_two_messages() {
        let mut questions = asked(true);
        let bytes = questions.shape.payload.parts(&tag(questions.base + 1)).concat();
        assert!(questions.accept(Message::Binary(&bytes)).is_err());
        let head = b"61-1[{\"num\":0,\"_placeholder\":true}]";
        assert!(questions.accept(Message::Text(head)).unwrap().is_none());
        assert!(questions.accept(Message::Binary(&bytes)).unwrap().is_some());
    }
}
