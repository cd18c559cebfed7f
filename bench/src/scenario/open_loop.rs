//! Latency at a given load, in an open loop: questions leave at times that were drawn beforehand, whether
//! or not the answers to earlier ones are there, and each latency counts from the time that was *meant*. A server
//! that stalls is charged with all that should have been sent meanwhile (no coordinated omission), and so is
//! a generator that comes late, whose own lateness is therefore told beside it.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::echo::{Questions, Shape};
use crate::connection::{Connection, Headers};
use crate::error::{Error, Result};
use crate::run::{Note, Outcome, Plan, Run, Target, nanoseconds, open_all};

const CLIENTS: usize = 100;
/// Bytes of the text that is echoed.
const TEXT_BYTES: usize = 64;
/// A window has to hold enough questions for its 99th percentile, and some of the server's longer pauses.
const MIN_WINDOW: Duration = Duration::from_secs(1);
/// After the last question, a server that could not keep up has this long.
const DRAIN: Duration = Duration::from_secs(10);

pub(crate) async fn run(target: Target, plan: Plan) -> Result<Outcome> {
    let rate = plan.rate.ok_or_else(|| Error::Setup("the open loop needs a rate (`load --rate`)".into()))?;
    let run = Run::new();
    let shape = std::rc::Rc::new(Shape::text(CLIENTS, 1, TEXT_BYTES));
    let mut clients: Vec<Client> = open_all(target, CLIENTS, Headers::Few)
        .await?
        .into_iter()
        .enumerate()
        .map(|(index, connection)| Client { connection, questions: Questions::new(shape.clone(), index) })
        .collect();
    let mut lateness = Histogram::<u64>::new_with_max(60_000_000_000, 3).expect("the bounds are in order");
    let warm_up = plan.warm_up.max(Duration::from_millis(100));
    let window = plan.window.max(MIN_WINDOW);
    let mut schedule = Schedule::new(rate);
    let begun = Instant::now();
    let mut opened = None;
    let mut waiting = 0u64;
    let mut due = schedule.next();
    loop {
        let now = Instant::now();
        if opened.is_none() && now >= begun + warm_up {
            opened = Some(run.open_window(target)?);
        }
        while due < warm_up + window && begun + due <= now {
            let meant = begun + due;
            let client = schedule.choose(&mut clients)?;
            client.questions.ask(&mut client.connection, meant);
            waiting += 1;
            if opened.is_some() {
                lateness.saturating_record(nanoseconds(now - meant));
            }
            due = schedule.next();
        }
        let is_over = due >= warm_up + window;
        for client in &mut clients {
            client.connection.flush_some()?;
            waiting -= client.take_answers(&run)?;
        }
        if is_over && waiting == 0 {
            break;
        }
        if now > begun + warm_up + window + DRAIN {
            return Err(Error::Late(format!(
                "{waiting} answers are missing {DRAIN:?} after the last question"
            )));
        }
        // Lets the reactor see what has come. There is no sleep: a timer would be late by up to a millisecond.
        tokio::task::yield_now().await;
    }
    let opened = opened.ok_or_else(|| Error::Setup("the window was never opened".into()))?;
    let mut outcome = run.outcome(opened.close()?)?.judged_by_latency(0.99)?;
    outcome.notes.push((Note::OfferedRate, rate));
    outcome.notes.push((Note::GeneratorLateNanoseconds, lateness.value_at_quantile(0.99) as f64));
    for client in clients {
        client.connection.finish().await?;
    }
    Ok(outcome)
}

struct Client {
    connection: Connection,
    questions: Questions,
}

impl Client {
    /// How many answers were there.
    fn take_answers(&mut self, run: &Run) -> Result<u64> {
        if !self.connection.fill_if_ready()? {
            return Ok(0);
        }
        let now = Instant::now();
        let mut answers = 0;
        while let Some(message) = self.connection.next()? {
            if let Some(meant) = self.questions.accept(message)? {
                run.note_latency(now.duration_since(meant));
                answers += 1;
            }
        }
        run.count(answers);
        Ok(answers)
    }
}

/// Arrivals of a Poisson process, the same for every server: what many clients that know nothing of
/// each other do. Times count from the beginning.
#[derive(Debug)]
struct Schedule {
    /// Seconds between two arrivals on the average.
    mean: f64,
    at: f64,
    random: u64,
}

impl Schedule {
    fn new(rate: f64) -> Self {
        Self { mean: 1.0 / rate, at: 0.0, random: 0x9e37_79b9_7f4a_7c15 }
    }

    /// The time of the next arrival.
    fn next(&mut self) -> Duration {
        // The inverse of the exponential distribution, of a number in (0, 1].
        let uniform = ((self.number() >> 11) + 1) as f64 / (1u64 << 53) as f64;
        self.at -= self.mean * uniform.ln();
        Duration::from_secs_f64(self.at)
    }

    /// Whoever it is that arrives.
    fn choose<'a, T>(&mut self, among: &'a mut [T]) -> Result<&'a mut T> {
        let count = among.len() as u64;
        let place = if count == 0 { 0 } else { self.number() % count };
        among.get_mut(place as usize).ok_or_else(|| Error::Setup("there are no clients".into()))
    }

    /// xorshift64*: no more is needed of chance here.
    fn number(&mut self) -> u64 {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        self.random.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrivals_have_the_rate_and_the_spread_of_a_poisson_process() {
        let mut schedule = Schedule::new(10_000.0);
        let times: Vec<f64> = (0..100_000).map(|_| schedule.next().as_secs_f64()).collect();
        let last = *times.last().unwrap();
        assert!((9.9..10.1).contains(&last), "100,000 arrivals took {last} s");
        let gaps: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(gaps.iter().all(|gap| *gap >= 0.0));
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        // The deviation of an exponential distribution is its mean.
        assert!((variance.sqrt() / mean - 1.0).abs() < 0.02);
        // More than a mean apart: one in e.
        let long = gaps.iter().filter(|gap| **gap > mean).count() as f64 / gaps.len() as f64;
        assert!((long - (-1f64).exp()).abs() < 0.01, "{long}");
    }

    #[test]
    fn every_server_gets_the_same_arrivals() {
        let (mut one, mut other) = (Schedule::new(5.0), Schedule::new(5.0));
        for _ in 0..100 {
            assert_eq!(one.next(), other.next());
            let (mut a, mut b) = ([0, 1, 2, 3], [0, 1, 2, 3]);
            assert_eq!(one.choose(&mut a).unwrap(), other.choose(&mut b).unwrap());
        }
    }

    #[test]
    fn everybody_is_chosen_about_as_often() {
        let mut schedule = Schedule::new(1.0);
        let mut counts = [0u32; 10];
        for _ in 0..10_000 {
            *schedule.choose(&mut counts).unwrap() += 1;
        }
        assert!(counts.iter().all(|count| (900..1100).contains(count)), "{counts:?}");
    }
}
