//! What one measurement is: warm up, open the window, read the server's clock, close the window,
//! read it again, then let every client drain and check. Bounded in time and in messages.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, TryStreamExt, stream};
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::connection::{Connection, Headers};
use crate::error::{Error, Result};
use crate::meter::{Counting, Counts, Meter};
use crate::process;
use crate::scenario::Unit;

/// Clients that open at once: enough to keep both sides busy, under every accept backlog.
const OPENING_AT_ONCE: usize = 64;
/// After the window closes, the messages under way must arrive within this.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// By how much a warm-up or a window is prolonged at most.
const PROLONGED: Duration = Duration::from_secs(10);

/// The server under load.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) pid: u32,
    /// When its process was started, by who started it.
    pub(crate) started: Option<Instant>,
    /// What is counted besides messages and CPU time.
    pub(crate) meter: Meter,
}

/// How long a measurement takes at most, and how many messages.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) warm_up: Duration,
    pub(crate) window: Duration,
    pub(crate) max_messages: u64,
    /// A warm-up and a window take longer than they should until they have seen so many.
    pub(crate) min_messages: u64,
    /// Less of what takes long without being measured, like a churn of 10,000 instead of 100,000.
    pub(crate) quick: bool,
    /// Messages per second that are offered, where the load does not follow from the answers.
    pub(crate) rate: Option<f64>,
}

/// What a measurement found.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    /// What the scenario's unit says: messages per second of server CPU time, bytes, nanoseconds.
    pub(crate) figure: f64,
    /// Messages per second of the wall clock, when messages were counted.
    pub(crate) rate: Option<f64>,
    /// Nanoseconds from asking to answer.
    pub(crate) latency: Option<Histogram<u64>>,
    /// What else a scenario tells.
    pub(crate) notes: Vec<(Note, f64)>,
    /// What a message cost, when that was counted.
    pub(crate) counts: Counts,
}

/// A second figure of a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Note {
    /// CPU time of the server.
    CpuNanoseconds,
    /// Resident bytes that a load has added.
    GrownBytes,
    /// Messages per second that were offered.
    OfferedRate,
    /// By how much the generator came late, at the 99th percentile.
    GeneratorLateNanoseconds,
}

impl Outcome {
    /// A figure and nothing else.
    pub(crate) fn figure(figure: f64) -> Self {
        Self { figure, rate: None, latency: None, notes: Vec::new(), counts: Counts::default() }
    }

    /// An error where memory has grown by more than this, by the figure itself or by what is noted beside it.
    pub(crate) fn check_growth(&self, unit: Unit, most: f64) -> Result<()> {
        let noted = self.notes.iter().find(|(note, _)| *note == Note::GrownBytes).map(|&(_, bytes)| bytes);
        let grown = noted.or((unit == Unit::Bytes).then_some(self.figure));
        match grown {
            Some(grown) if grown > most => Err(Error::Wrong(format!(
                "its memory grew by {:.0} KiB, and {:.0} KiB is the most that it may",
                grown / 1024.0,
                most / 1024.0
            ))),
            _ => Ok(()),
        }
    }

    /// With a quantile of the latency as the figure.
    pub(crate) fn judged_by_latency(mut self, quantile: f64) -> Result<Self> {
        let latency = self.latency.as_ref();
        let latency = latency.ok_or_else(|| Error::Setup("no latency was measured".into()))?;
        self.figure = latency.value_at_quantile(quantile) as f64;
        Ok(self)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    WarmUp,
    Window,
    Over,
}

/// Shared by all clients of one measurement, which run on one thread.
#[derive(Debug)]
pub(crate) struct Run {
    phase: Cell<Phase>,
    messages: Cell<u64>,
    /// Messages since the beginning, the warm-up's too.
    seen: Cell<u64>,
    latency: RefCell<Histogram<u64>>,
}

impl Run {
    pub(crate) fn new() -> Rc<Self> {
        let latency = Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("the bounds are in order");
        Rc::new(Self {
            phase: Cell::new(Phase::WarmUp),
            messages: Cell::new(0),
            seen: Cell::new(0),
            latency: RefCell::new(latency),
        })
    }

    /// Whether clients should go on sending.
    pub(crate) fn sending(&self) -> bool {
        self.phase.get() != Phase::Over
    }

    /// Counts messages that came while the window is open.
    pub(crate) fn count(&self, messages: u64) {
        self.seen.set(self.seen.get() + messages);
        if self.phase.get() == Phase::Window {
            self.messages.set(self.messages.get() + messages);
        }
    }

    /// Notes one answer's latency while the window is open.
    pub(crate) fn note_latency(&self, latency: Duration) {
        if self.phase.get() == Phase::Window {
            self.latency.borrow_mut().saturating_record(nanoseconds(latency));
        }
    }

    /// Runs the window over `clients`, then waits until each has drained and checked its messages, and
    /// only then lets go of what they return, their connections: the contract tells everybody who has
    /// left, and to thousands who are still there that would be millions of messages.
    pub(crate) async fn measure<C: 'static>(
        self: &Rc<Self>,
        target: Target,
        plan: Plan,
        mut clients: JoinSet<Result<C>>,
    ) -> Result<Outcome> {
        let cost = tokio::select! {
            cost = self.keep_window(target, plan) => cost?,
            failed = first_end(&mut clients) => return Err(failed),
        };
        let mut done = Vec::with_capacity(clients.len());
        let drained = timeout(DRAIN_TIMEOUT, async {
            while let Some(ended) = clients.join_next().await {
                done.push(ended.map_err(|panic| Error::Setup(panic.to_string()))??);
            }
            Ok(())
        });
        match drained.await {
            Ok(result) => result?,
            Err(_) => {
                return Err(Error::Wrong(format!(
                    "messages are still missing {DRAIN_TIMEOUT:?} after the last was sent"
                )));
            }
        }
        self.outcome(cost)
    }

    /// Begins to count.
    pub(crate) fn open_window(&self, target: Target) -> Result<Window> {
        let counting = Counting::start(target.meter, target.pid)?;
        let cpu = process::cpu_time(target.pid)?;
        self.phase.set(Phase::Window);
        Ok(Window { target, begun: Instant::now(), cpu, counting })
    }

    /// The figures of a window that cost so much.
    pub(crate) fn outcome(&self, cost: Cost) -> Result<Outcome> {
        if cost.cpu.is_zero() || self.messages.get() == 0 {
            return Err(Error::Setup("the window was too short to measure anything".into()));
        }
        let messages = self.messages.get() as f64;
        Ok(Outcome {
            figure: messages / cost.cpu.as_secs_f64(),
            rate: Some(messages / cost.elapsed.as_secs_f64()),
            latency: Some(self.latency.borrow().clone()).filter(|latency| !latency.is_empty()),
            notes: Vec::new(),
            counts: cost.counts.per(messages),
        })
    }

    async fn keep_window(&self, target: Target, plan: Plan) -> Result<Cost> {
        let begun = Instant::now();
        sleep(plan.warm_up).await;
        while self.seen.get() < plan.min_messages && begun.elapsed() < plan.warm_up + PROLONGED {
            sleep(Duration::from_millis(10)).await;
        }
        let window = self.open_window(target)?;
        let goes_on = || match window.begun.elapsed() {
            short if short < plan.window => true,
            long => self.messages.get() < plan.min_messages && long < plan.window + PROLONGED,
        };
        while goes_on() && self.messages.get() < plan.max_messages {
            sleep(Duration::from_millis(10)).await;
        }
        self.phase.set(Phase::Over);
        window.close()
    }
}

/// A window that is open.
#[derive(Debug)]
pub(crate) struct Window {
    target: Target,
    pub(crate) begun: Instant,
    /// What the server had used before.
    cpu: Duration,
    counting: Counting,
}

/// What passed while a window was open.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    elapsed: Duration,
    cpu: Duration,
    counts: Counts,
}

impl Window {
    pub(crate) fn close(self) -> Result<Cost> {
        let elapsed = self.begun.elapsed();
        let cpu = process::cpu_time(self.target.pid)?.saturating_sub(self.cpu);
        Ok(Cost { elapsed, cpu, counts: self.counting.stop()? })
    }
}

/// At least one, which is the least that a histogram holds.
pub(crate) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).max(1)
}

/// No client ends before the window does, but by an error.
async fn first_end<C: 'static>(clients: &mut JoinSet<Result<C>>) -> Error {
    match clients.join_next().await {
        Some(Ok(Err(error))) => error,
        Some(Err(panic)) => Error::Setup(panic.to_string()),
        Some(Ok(Ok(_))) | None => Error::Setup("a client stopped before the window closed".into()),
    }
}

/// Opens and joins `count` clients.
pub(crate) async fn open_all(target: Target, count: usize, headers: Headers) -> Result<Vec<Connection>> {
    stream::iter(0..count)
        .map(|_| Connection::open(target.address, headers))
        .buffer_unordered(OPENING_AT_ONCE)
        .try_collect()
        .await
}

/// A text of fixed length that begins with a number, so that each message is another one and a
/// changed, swapped or repeated one is seen.
#[derive(Debug, Clone)]
pub(crate) struct Payload {
    filler: Vec<u8>,
}

/// Hexadecimal digits of the number.
const TAG: usize = 16;

impl Payload {
    /// Letters only: no server has to escape them, none can skip looking.
    pub(crate) fn text(length: usize) -> Self {
        Self { filler: (TAG..length).map(|i| b'a' + (i % 23) as u8).collect() }
    }

    /// Every byte value.
    pub(crate) fn binary(length: usize) -> Self {
        Self { filler: (TAG..length).map(|i| (i * 7) as u8).collect() }
    }

    /// The parts of the message with that number.
    pub(crate) fn parts<'a>(&'a self, tag: &'a [u8; TAG]) -> [&'a [u8]; 2] {
        [tag, &self.filler]
    }

    /// The number of a message that came back; `None` when anything in it is wrong.
    pub(crate) fn number(&self, message: &[u8]) -> Option<u64> {
        let (tag, filler) = message.split_at_checked(TAG)?;
        if filler != self.filler {
            return None;
        }
        u64::from_str_radix(std::str::from_utf8(tag).ok()?, 16).ok()
    }
}

/// A number as the beginning of a payload.
pub(crate) fn tag(number: u64) -> [u8; TAG] {
    let mut digits = [0; TAG];
    for (i, digit) in digits.iter_mut().enumerate() {
        *digit = b"0123456789abcdef"[(number >> (60 - 4 * i) & 0xf) as usize];
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_past_the_bound_is_an_error() {
        let churn = Outcome::figure(4096.0);
        assert!(churn.check_growth(Unit::Bytes, 4096.0).is_ok());
        let error = churn.check_growth(Unit::Bytes, 4095.0).unwrap_err().to_string();
        assert!(error.contains("grew by 4 KiB"), "{error}");
        // Messages a second are no bytes; what is noted beside them is.
        assert!(churn.check_growth(Unit::PerCpuSecond, 1.0).is_ok());
        let notes = vec![(Note::GrownBytes, 2048.0)];
        let slow = Outcome { notes, ..churn };
        assert!(slow.check_growth(Unit::PerCpuSecond, 2048.0).is_ok());
        assert!(slow.check_growth(Unit::PerCpuSecond, 2047.0).is_err());
    }

    #[test]
    fn a_payload_knows_its_number_and_nothing_else() {
        for payload in [Payload::text(64), Payload::binary(64)] {
            let number = 0x0123_4567_89ab_cdef;
            let mut message = payload.parts(&tag(number)).concat();
            assert_eq!((message.len(), payload.number(&message)), (64, Some(number)));
            message[40] ^= 1;
            assert_eq!(payload.number(&message), None);
            assert_eq!(payload.number(&message[..63]), None);
            assert_eq!(payload.number(b"short"), None);
        }
    }
}
