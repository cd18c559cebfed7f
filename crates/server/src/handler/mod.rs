//! Handlers: async functions that say by their arguments what they take, and by their return what they answer.
//!
//! A handler is any `Fn(extractors…) -> impl Future + Send + 'static`, with up to twelve
//! [extractors](crate::extract::FromContext), in any order:
//!
//! ```
//! use enchufe::{Ack, Data, Event, HandlerError, Namespace, Socket, State};
//!
//! #[derive(Clone)]
//! struct Prices; // a database, say
//! # impl Prices { async fn of(&self, _: &str) -> std::io::Result<u32> { Ok(5) } }
//!
//! // A function.
//! async fn price(State(prices): State<Prices>, Data(article): Data<String>) -> Result<u32, HandlerError> {
//!     if article.is_empty() {
//!         return Err(HandlerError::new("which article?")); // the client reads this
//!     }
//!     Ok(prices.of(&article).await?) // the client reads "internal error", the log the error itself
//! }
//!
//! let currency = String::from("euro");
//!
//! Namespace::new("/")
//!     .on("price", price)
//!     // An async closure, as long as it captures nothing.
//!     .on("sum", async |Data((a, b)): Data<(i64, i64)>| a + b)
//!     // What a closure captures it clones into the future, which outlives the call; or it takes a `State`.
//!     .on("currency", move || {
//!         let currency = currency.clone();
//!         async move { currency }
//!     })
//!     // An answer at another time and place.
//!     .on("later", async |ack: Ack| {
//!         tokio::spawn(async move { ack.send("now") });
//!     })
//!     .on_fallback(async |socket: Socket, Event(name): Event| {
//!         // …
//!     });
//! ```
//!
//! # What is promised
//!
//! - Events of one socket start their handlers in the order of arrival. A handler is polled once where it
//!   starts; if it has to wait, it goes on beside those of later events, unless the namespace's
//!   [`Execution`](crate::Execution) says that these wait for it.
//! - An event is seen by the handlers of `on_any`, passes the [event middlewares](crate::Namespace::event_middleware), and
//!   then reaches its own handlers, or those of `on_fallback` where it has none: those of the namespace first, then those
//!   of the socket.
//! - The arguments are made before the handler starts. If one can't be ([`Rejection`](crate::Rejection)), the
//!   handler isn't called, and an ack is answered with `{error: message}`.
//! - A handler goes on to its end after its socket has left, unless the namespace
//!   [says otherwise](crate::Namespace::cancel_on_disconnect).
//! - A panic ends the handler it happens in and nothing else. It is logged with the event's name; an ack that
//!   was not answered by then never is. A middleware that panics lets nobody in.
//!
//! Handlers are registered on a [`Namespace`](crate::Namespace), which costs one allocation each. A call costs
//! one more where the handler has to wait: the box of the future, which also holds the guard against panics and the answer.
//! The box of one that has finished at its first poll waits for the next call (`spare`).

mod answer;
mod erased;
mod function;
mod guard;
mod incoming;
mod name;
mod outcome;
mod returned;
mod spare;
#[cfg(test)]
mod tests;

pub use answer::{ByEmit, ByNever, ByResult, ByValue, IntoAnswer};
pub use erased::Handler;
pub use function::HandlerFn;
pub use incoming::{EventVerdict, IntoEventVerdict};
pub use outcome::{IntoAdmission, IntoOutcome, IntoVerdict};
pub use returned::{ByAck, ByOutcome, ByVerdict, Returns};

pub(crate) use answer::{Never, says_something};
#[cfg(test)]
pub(crate) use erased::HandlerFuture;
pub(crate) use erased::{Begun, BoxHandler, CallError};
pub(crate) use guard::{guarded, let_go};
pub(crate) use incoming::Verdict;
pub(crate) use name::HandlerName;
pub(crate) use returned::Answers;
