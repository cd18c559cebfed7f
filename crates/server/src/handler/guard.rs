//! The guard around user code: a panic ends the handler it happened in, and nothing else.

use crate::extract::AfterPanic;
use pin_project_lite::pin_project;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// Runs user code. A panic is logged with the handler's name, never with its data, and gives `None`; the
/// panic hook has printed its message by then.
pub(crate) fn guarded<T>(handler: &str, run: impl FnOnce() -> T) -> Option<T> {
    // Nothing of ours is borrowed by the code but what it may leave half changed without harm: the context of
    // one call, which is thrown away, and the future, which is never polled again.
    let result = catch_unwind(AssertUnwindSafe(run));
    if result.is_err() {
        tracing::error!(handler, "handler panicked");
    }
    result.ok()
}

pin_project! {
    /// A future each poll of which is guarded, and its destruction too. After a panic it is ready with
    /// [`AfterPanic::after_panic`].
    pub(crate) struct Guarded<F: Future> {
        #[pin]
        future: Option<F>,
        handler: Arc<str>,
    }

    impl<F: Future> PinnedDrop for Guarded<F> {
        fn drop(this: Pin<&mut Self>) {
            this.destroy();
        }
    }
}

impl<F: Future> Guarded<F> {
    pub(crate) fn new(handler: Arc<str>, future: F) -> Self {
        Self { future: Some(future), handler }
    }

    /// Drops the future and with it the handler's variables, whose destructors may panic as well.
    fn destroy(self: Pin<&mut Self>) {
        let mut this = self.project();
        if this.future.is_some() {
            guarded(this.handler, || this.future.set(None));
        }
    }
}

impl<F> Future for Guarded<F>
where
    F: Future<Output: AfterPanic>,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.as_mut().project();
        let Some(future) = this.future.as_pin_mut() else {
            return Poll::Ready(F::Output::after_panic());
        };
        let polled = match guarded(this.handler, || future.poll(cx)) {
            Some(Poll::Pending) => return Poll::Pending,
            Some(Poll::Ready(output)) => output,
            None => F::Output::after_panic(),
        };
        self.destroy();
        Poll::Ready(polled)
    }
}
