//! What becomes of a handler's return value: it depends on the occasion, and on whether the handler took the
//! event's ack.

use super::answer::{IntoAnswer, says_something};
use super::incoming::{EventVerdict, IntoEventVerdict};
use super::outcome::{IntoAdmission, IntoOutcome, IntoVerdict};
use crate::ack::AckTo;
use crate::error::{HandlerError, Refusal};
use crate::extract::{
    ArgsAndAck, EventAck, EventArgs, Kind, Nothing, OnConnect, OnDisconnect, OnError, OnEvent, OnFallback,
    OnIncoming, OnMiddleware, OnNamespace, Uses,
};
use serde::Serialize;

/// Implemented by what the arguments of a handler use up ([`Uses`]), for what the handler may then return on
/// the occasion `K`.
pub trait Returns<K: Kind, R, M>: Uses {
    /// How the handler stands to the answer of its event.
    #[doc(hidden)]
    fn answers() -> Answers;

    /// Does with the return value what is to be done. `ack` is what the handler has left of it.
    #[doc(hidden)]
    fn finish(returned: R, ack: Option<AckTo<'_>>, handler: &str) -> K::Finished;
}

/// How a handler stands to the answer of its event.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answers {
    /// Never.
    No,
    /// Only to say that it has finished.
    Finished,
    /// It takes the ack or returns a value.
    Value,
}

/// Nothing is answered: the handler took the ack. See [`Returns`].
#[derive(Debug)]
pub struct ByAck(());

/// Nothing is answered: there is nobody who asked. See [`Returns`].
#[derive(Debug)]
pub struct ByOutcome(());

/// The client is let in or not, the event goes on or not, the namespace exists or not. See [`Returns`].
#[derive(Debug)]
pub struct ByVerdict(());

/// The return value answers, unless the handler took the ack.
macro_rules! return_value_answers {
    ($($uses:ident)*) => {
        $(impl<R: IntoAnswer<M>, M> Returns<OnEvent, R, M> for $uses {
            fn answers() -> Answers {
                if says_something::<R::Value>() { Answers::Value } else { Answers::Finished }
            }

            fn finish(returned: R, ack: Option<AckTo<'_>>, handler: &str) {
                answer(returned.into_answer(), ack, handler);
            }
        })*
    };
}

return_value_answers!(Nothing EventArgs);

macro_rules! ack_answers {
    ($($uses:ident)*) => {
        $(impl<R: IntoOutcome> Returns<OnEvent, R, ByAck> for $uses {
            fn answers() -> Answers {
                Answers::Value
            }

            fn finish(returned: R, _: Option<AckTo<'_>>, handler: &str) {
                log_failure(returned, handler);
            }
        })*
    };
}

ack_answers!(EventAck ArgsAndAck);

macro_rules! nothing_answers {
    ($($kind:ident)*) => {
        $(impl<R: IntoOutcome, U: Uses> Returns<$kind, R, ByOutcome> for U {
            fn answers() -> Answers {
                Answers::No
            }

            fn finish(returned: R, _: Option<AckTo<'_>>, handler: &str) {
                log_failure(returned, handler);
            }
        })*
    };
}

nothing_answers!(OnFallback OnConnect OnDisconnect OnError);

impl<R: IntoVerdict, U: Uses> Returns<OnMiddleware, R, ByVerdict> for U {
    fn answers() -> Answers {
        Answers::No
    }

    fn finish(returned: R, _: Option<AckTo<'_>>, handler: &str) -> Result<(), Refusal> {
        returned.into_verdict(handler)
    }
}

impl<R: IntoEventVerdict, U: Uses> Returns<OnIncoming, R, ByVerdict> for U {
    fn answers() -> Answers {
        Answers::No
    }

    fn finish(returned: R, _: Option<AckTo<'_>>, handler: &str) -> Result<EventVerdict, Refusal> {
        returned.into_event_verdict(handler)
    }
}

impl<R: IntoAdmission, U: Uses> Returns<OnNamespace, R, ByVerdict> for U {
    fn answers() -> Answers {
        Answers::No
    }

    fn finish(returned: R, _: Option<AckTo<'_>>, handler: &str) -> Result<bool, Refusal> {
        returned.into_admission(handler)
    }
}

fn log_failure(returned: impl IntoOutcome, handler: &str) {
    if let Err(error) = returned.into_outcome() {
        error.log(handler);
    }
}

/// Sends the answer, if one was asked for. A value that can't be encoded is the server's fault: the caller is
/// told that there was an error, instead of being left to wait.
fn answer<V: Serialize>(result: Result<V, HandlerError>, ack: Option<AckTo<'_>>, handler: &str) {
    let sent = match (result, ack) {
        (Ok(value), Some(ack)) => ack.send_returned(&value),
        (Ok(_), None) => Ok(()),
        (Err(error), ack) => {
            error.log(handler);
            ack.map_or(Ok(()), |ack| ack.send_error(error.message()))
        }
    };
    if let Err(error) = sent {
        tracing::error!(handler, %error, "the answer can't be sent");
        if let Some(ack) = ack
            && let Err(error) = ack.send_error(HandlerError::INTERNAL)
        {
            tracing::debug!(handler, %error, "nor can the error be");
        }
    }
}
