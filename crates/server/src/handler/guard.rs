//! The guard around user code: a panic ends the handler it happened in, and nothing else.

use super::name::HandlerName;
use super::returned::Returns;
use crate::ack::{Ack, AckTo};
use crate::extract::{AfterPanic, Kind};
use pin_project_lite::pin_project;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// Runs user code. A panic is logged with the handler's name, never with its data, and gives `None`; the
/// panic hook has printed its message by then.
pub(crate) fn guarded<T>(handler: &str, run: impl FnOnce() -> T) -> Option<T> {
    // Nothing of ours is borrowed by the code but what it may leave half changed without harm: the context of
    // one call, which is thrown away, and the future, which is never polled again.
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(done) => Some(done),
        Err(thrown) => {
            tracing::error!(handler, "handler panicked");
            // What was thrown is user code too, and so is what its destructor throws: that is where it ends.
            if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(thrown))) {
                std::mem::forget(again);
            }
            None
        }
    }
}

/// Drops what is the application's. Values are to be let go one by one: a destructor that panics while another's panic
/// unwinds ends the process.
pub(crate) fn let_go<T>(what: &str, value: T) {
    guarded(what, || drop(value));
}

pin_project! {
    /// A handler's future, followed by what is to be done with its output. Each poll is guarded, and its
    /// destruction too. After a panic it is ready with [`AfterPanic::after_panic`].
    pub(crate) struct Guarded<K, F, U, M> {
        // None once it has finished: its variables go when it does, not when somebody drops the box.
        #[pin]
        future: Option<F>,
        // What the handler's arguments have left of the ack: the return value answers.
        ack: Option<Ack>,
        handler: HandlerName,
        types: PhantomData<fn() -> (K, U, M)>,
    }

    impl<K, F, U, M> PinnedDrop for Guarded<K, F, U, M> {
        fn drop(this: Pin<&mut Self>) {
            this.destroy();
        }
    }
}

impl<K, F, U, M> Guarded<K, F, U, M> {
    pub(crate) fn new(handler: HandlerName, future: F, ack: Option<Ack>) -> Self {
        Self { future: Some(future), ack, handler, types: PhantomData }
    }

    /// One without a future: its memory waits for the next.
    pub(crate) const fn empty() -> Self {
        Self { future: None, ack: None, handler: HandlerName::Static(""), types: PhantomData }
    }

    /// Has it go on beside its caller: what it owns from now on, its caller has lent it so far.
    pub(crate) fn wait(self: Pin<&mut Self>, handler: HandlerName, ack: Option<Ack>) {
        let this = self.project();
        (*this.handler, *this.ack) = (handler, ack);
    }

    /// Drops the future and with it the handler's variables, whose destructors may panic as well.
    fn destroy(self: Pin<&mut Self>) {
        let mut this = self.project();
        if this.future.is_some() {
            guarded(this.handler, || this.future.set(None));
        }
    }
}

impl<K, F, U, M> Guarded<K, F, U, M>
where
    K: Kind,
    F: Future,
    U: Returns<K, F::Output, M>,
{
    /// Takes a future in and polls it once, as far as a handler's first poll goes: to where it waits, or to its end, with
    /// what is to be done with its output. Whoever calls this guards it.
    pub(crate) fn begin(
        mut self: Pin<&mut Self>,
        future: F,
        ack: Option<AckTo<'_>>,
        handler: &str,
    ) -> Poll<K::Finished> {
        let mut this = self.as_mut().project();
        this.future.set(Some(future));
        let Some(future) = this.future.as_mut().as_pin_mut() else {
            return Poll::Ready(K::Finished::after_panic());
        };
        // The first poll of the task that it becomes puts a real waker in place.
        let Poll::Ready(output) = future.poll(&mut Context::from_waker(Waker::noop())) else {
            return Poll::Pending;
        };
        let finished = U::finish(output, ack, handler);
        this.future.set(None);
        Poll::Ready(finished)
    }
}

impl<K, F, U, M> Future for Guarded<K, F, U, M>
where
    K: Kind,
    F: Future,
    U: Returns<K, F::Output, M>,
{
    type Output = K::Finished;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<K::Finished> {
        let this = self.as_mut().project();
        let Some(future) = this.future.as_pin_mut() else {
            return Poll::Ready(K::Finished::after_panic());
        };
        let (ack, handler) = (this.ack.as_ref().and_then(Ack::to), &**this.handler);
        let polled = guarded(handler, || future.poll(cx).map(|output| U::finish(output, ack, handler)));
        let finished = match polled {
            Some(Poll::Pending) => return Poll::Pending,
            Some(Poll::Ready(finished)) => finished,
            None => K::Finished::after_panic(),
        };
        self.destroy();
        Poll::Ready(finished)
    }
}
