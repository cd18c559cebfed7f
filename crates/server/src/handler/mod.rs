//! Handlers: functions with extractors for arguments, made into one erased form that the route table holds.
//!
//! A handler is any `Fn(extractors…) -> impl Future + Send + 'static`: an `async fn`, an `async` closure, a
//! closure that returns a future. Registering it costs one allocation; calling it costs one more, the box of
//! its future, which also holds the guard against panics and the answer to the event.

mod answer;
mod erased;
mod function;
mod guard;
mod name;
mod outcome;
mod returned;
#[cfg(test)]
mod tests;

pub use answer::{ByEmit, ByNever, ByResult, ByValue, IntoAnswer};
pub use erased::Handler;
pub use function::HandlerFn;
pub use outcome::{IntoOutcome, IntoVerdict};
pub use returned::{ByAck, ByOutcome, ByVerdict, Returns};

pub(crate) use answer::Never;
pub(crate) use erased::{BoxHandler, CallError, HandlerFuture};
pub(crate) use guard::guarded;
pub(crate) use returned::Answers;
