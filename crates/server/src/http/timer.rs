//! The timer of an HTTP connection: how long the head of a request may take, kept from one request to the next.
//!
//! hyper asks for a timer before each head and drops it when that has come. Registering one with the runtime and taking it
//! out again costs more than the rest of what is waited with, and nearly all of them are dropped. So a connection has one,
//! which stays where it is registered: when it fires too early for the head that is waited for it moves on, once in the time
//! that a head may take instead of twice for each. Promise: a head has exactly as long as hyper says.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};
use parking_lot::Mutex;

type Alarm = Pin<Box<tokio::time::Sleep>>;

/// The alarm that nobody waits for now.
type Spare = Arc<Mutex<Option<Alarm>>>;

/// The timer of one connection.
#[derive(Default)]
pub(crate) struct HeadTimer(Spare);

impl Timer for HeadTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(Waiting { deadline: deadline.into(), alarm: None, spare: self.0.clone() })
    }

    fn now(&self) -> Instant {
        tokio::time::Instant::now().into()
    }
}

/// Waits for one head.
struct Waiting {
    deadline: tokio::time::Instant,
    /// From when it is polled for the first time: many heads have come before.
    alarm: Option<Alarm>,
    spare: Spare,
}

impl Sleep for Waiting {}

impl Future for Waiting {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { deadline, alarm, spare } = &mut *self;
        let alarm = alarm.get_or_insert_with(|| {
            let spare = spare.lock().take();
            spare.unwrap_or_else(|| Box::pin(tokio::time::sleep_until(*deadline)))
        });
        if alarm.deadline() > *deadline {
            alarm.as_mut().reset(*deadline);
        }
        loop {
            ready!(alarm.as_mut().poll(cx));
            if alarm.deadline() >= *deadline {
                return Poll::Ready(());
            }
            alarm.as_mut().reset(*deadline);
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(alarm) = self.alarm.take() {
            *self.spare.lock() = Some(alarm);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::poll;
    use tokio::time::{advance, pause};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn a_head_has_its_whole_time_whenever_the_ones_before_came() {
        pause();
        let timer = HeadTimer::default();
        for after in [0, 3, 9, 1, 30] {
            // One that comes in time, after which nobody asks for a while.
            let mut came = timer.sleep(LIMIT);
            assert!(poll!(came.as_mut()).is_pending());
            drop(came);
            advance(Duration::from_secs(after)).await;

            let began = timer.now();
            let mut late = timer.sleep(LIMIT);
            assert!(poll!(late.as_mut()).is_pending());
            late.await;
            let took = timer.now() - began;
            assert!(took >= LIMIT && took <= LIMIT + Duration::from_millis(1), "{took:?} after {after} s");
        }
    }

    #[tokio::test]
    async fn one_that_is_due_earlier_does_not_wait_for_the_one_before() {
        pause();
        let timer = HeadTimer::default();
        let mut long = timer.sleep(LIMIT * 6);
        assert!(poll!(long.as_mut()).is_pending());
        drop(long);
        let began = timer.now();
        timer.sleep(LIMIT).await;
        assert!(timer.now() - began < LIMIT * 2);
    }

    #[tokio::test]
    async fn what_is_never_waited_for_needs_no_alarm_and_the_others_share_one() {
        pause();
        let timer = HeadTimer::default();
        drop(timer.sleep(LIMIT));
        assert!(timer.0.lock().is_none());
        let mut first = timer.sleep(LIMIT);
        assert!(poll!(first.as_mut()).is_pending());
        drop(first);
        let alarm = timer.0.lock().as_ref().map(|alarm| &raw const **alarm);
        assert!(alarm.is_some());
        let mut second = timer.sleep(LIMIT);
        assert!(poll!(second.as_mut()).is_pending() && timer.0.lock().is_none());
        drop(second);
        assert_eq!(timer.0.lock().as_ref().map(|alarm| &raw const **alarm), alarm);
    }
}
