//! Handlers of all types, in the one form that the route table holds.

use super::function::HandlerFn;
use super::guard::{Guarded, guarded, let_go};
use super::name::HandlerName;
use super::returned::{Answers, Returns};
use super::spare;
use crate::ack::{Ack, AckTo};
use crate::extract::{Context, Extractors, Kind, Rejection};
use crate::state::Requirements;
use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::Poll;

/// The running handler. It answers its event itself, and it does not panic.
pub(crate) type HandlerFuture<K> = Pin<Box<dyn Future<Output = <K as Kind>::Finished> + Send>>;

/// A handler that was called and polled once.
pub(crate) enum Begun<K: Kind> {
    /// It is over, and its event is answered.
    Finished(K::Finished),
    /// It has to wait.
    Waits(HandlerFuture<K>),
}

/// Why a handler did not start.
#[derive(Debug)]
pub(crate) enum CallError {
    /// An extractor found that its part doesn't fit. An ack is still to be answered with the message.
    Rejected(Rejection),
    /// An extractor, or the function itself before it had made its future, panicked. Logged by now.
    Panicked,
}

/// A function that can be registered as a handler for the occasion `K`. Implemented here for all of them; `A`
/// and `M` are found by the compiler.
///
/// A handler is `Fn(extractors…) -> impl Future + Send + 'static`, up to twelve
/// [extractors](crate::extract::FromContext), and what it returns is an [answer](super::IntoAnswer), an
/// [outcome](super::IntoOutcome) or a [verdict](super::IntoVerdict).
#[diagnostic::on_unimplemented(
    message = "this is no handler: it must be a function of up to twelve owned arguments that returns a future",
    label = "not an async function of up to twelve owned arguments",
    note = "write `async |socket: Socket, Data(text): Data<String>| {{ … }}`, with the type of every argument",
    note = "what the closure needs of its surroundings it clones into the future: \
            `move |socket: Socket| {{ let db = db.clone(); async move {{ … }} }}`, or takes as `State<T>`"
)]
pub trait Handler<K: Kind, A, M>: sealed::Sealed<K, A, M> + Sized {
    #[doc(hidden)]
    fn erase(self, name: HandlerName) -> Erased<K>;
}

impl<K, A, M, H> Handler<K, A, M> for H
where
    K: Kind,
    H: HandlerFn<A> + Send + Sync + 'static,
    A: Extractors<K> + 'static,
    A::Uses: Returns<K, H::Output, M>,
    H::Future: Send + 'static,
    H::Output: 'static,
    M: 'static,
{
    fn erase(self, name: HandlerName) -> Erased<K> {
        Erased(BoxHandler(Box::new(Typed { function: self, name, types: PhantomData::<fn() -> (A, M)> })))
    }
}

/// A handler whose type is forgotten.
#[doc(hidden)]
pub struct Erased<K: Kind>(pub(crate) BoxHandler<K>);

/// A handler whose type is forgotten.
pub(crate) struct BoxHandler<K: Kind>(Box<dyn Call<K>>);

impl<K: Kind> BoxHandler<K> {
    /// Starts the handler: extracts its arguments and makes its future, which has not been polled yet.
    ///
    /// The context's ack, if it has one, is answered by the handler or not at all; whoever calls several
    /// handlers for one event gives it to the one that is to answer.
    pub(crate) fn call(&self, cx: &Context<'_, K>) -> Result<HandlerFuture<K>, CallError> {
        self.0.call(cx)
    }

    /// As [`call`](Self::call), and polls the future once. One that is over then takes no memory of its own.
    pub(crate) fn begin(&self, cx: &Context<'_, K>) -> Result<Begun<K>, CallError> {
        self.0.begin(cx)
    }

    /// How the handler stands to the answer of its event.
    pub(crate) fn answers(&self) -> Answers {
        self.0.answers()
    }

    /// Notes the state that the handler takes.
    pub(crate) fn requirements(&self, needs: &mut Requirements) {
        self.0.requirements(needs);
    }
}

/// Handlers are dropped by whoever was the last to use them, and what they have captured is the application's.
impl<K: Kind> Drop for BoxHandler<K> {
    fn drop(&mut self) {
        // A box of nothing takes no memory.
        let handler = std::mem::replace(&mut self.0, Box::new(Gone));
        let_go("the destructor of a handler", handler);
    }
}

impl<K: Kind> fmt::Debug for BoxHandler<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Handler").field(&self.0.name()).finish()
    }
}

trait Call<K: Kind>: Send + Sync {
    fn call(&self, cx: &Context<'_, K>) -> Result<HandlerFuture<K>, CallError>;
    fn begin(&self, cx: &Context<'_, K>) -> Result<Begun<K>, CallError>;
    fn answers(&self) -> Answers;
    fn requirements(&self, needs: &mut Requirements);
    fn name(&self) -> &str;
}

/// The future of such a handler.
type Running<K, H, A, M> = Guarded<K, <H as HandlerFn<A>>::Future, <A as Extractors<K>>::Uses, M>;

struct Typed<H, A, M> {
    function: H,
    name: HandlerName,
    types: PhantomData<fn() -> (A, M)>,
}

impl<K, A, M, H> Call<K> for Typed<H, A, M>
where
    K: Kind,
    H: HandlerFn<A> + Send + Sync + 'static,
    A: Extractors<K> + 'static,
    A::Uses: Returns<K, H::Output, M>,
    H::Future: Send + 'static,
    H::Output: 'static,
    M: 'static,
{
    fn call(&self, cx: &Context<'_, K>) -> Result<HandlerFuture<K>, CallError> {
        let started = guarded(&self.name, || {
            let args = A::extract(cx)?;
            // What the extractors have left of the ack is for the return value.
            let ack = K::take_ack(cx).map(Ack::from);
            Ok((self.function.call_with(args), ack))
        });
        let (future, ack) = started.ok_or(CallError::Panicked)?.map_err(CallError::Rejected)?;
        Ok(Box::pin(Running::<K, H, A, M>::new(self.name.clone(), future, ack)))
    }

    fn begin(&self, cx: &Context<'_, K>) -> Result<Begun<K>, CallError> {
        let mut running: Pin<Box<Running<K, H, A, M>>> =
            spare::take().unwrap_or_else(|| Box::pin(Guarded::empty()));
        let mut ack: Option<AckTo<'_>> = None;
        // One guard for all that a handler does at once.
        let begun = guarded(&self.name, || {
            let args = A::extract(cx)?;
            ack = K::take_ack(cx);
            Ok(running.as_mut().begin(self.function.call_with(args), ack, &self.name))
        });
        match begun {
            Some(Ok(Poll::Ready(finished))) => {
                spare::keep(running);
                Ok(Begun::Finished(finished))
            }
            Some(Ok(Poll::Pending)) => {
                running.as_mut().wait(self.name.clone(), ack.map(Ack::from));
                Ok(Begun::Waits(running))
            }
            Some(Err(rejection)) => {
                spare::keep(running);
                Err(CallError::Rejected(rejection))
            }
            None => {
                // Should its variables panic too, it is under its name.
                running.as_mut().wait(self.name.clone(), None);
                drop(running);
                Err(CallError::Panicked)
            }
        }
    }

    fn answers(&self) -> Answers {
        <A::Uses as Returns<K, H::Output, M>>::answers()
    }

    fn requirements(&self, needs: &mut Requirements) {
        A::requirements(needs);
    }

    fn name(&self) -> &str {
        &self.name
    }
}

/// In the place of a handler that has gone.
struct Gone;

impl<K: Kind> Call<K> for Gone {
    fn call(&self, _: &Context<'_, K>) -> Result<HandlerFuture<K>, CallError> {
        Err(CallError::Panicked)
    }

    fn begin(&self, _: &Context<'_, K>) -> Result<Begun<K>, CallError> {
        Err(CallError::Panicked)
    }

    fn answers(&self) -> Answers {
        Answers::No
    }

    fn requirements(&self, _: &mut Requirements) {}

    fn name(&self) -> &str {
        ""
    }
}

mod sealed {
    use super::{Extractors, HandlerFn, Kind, Returns};

    pub trait Sealed<K, A, M> {}

    impl<K, A, M, H> Sealed<K, A, M> for H
    where
        K: Kind,
        H: HandlerFn<A>,
        A: Extractors<K>,
        A::Uses: Returns<K, H::Output, M>,
    {
    }
}
