//! Counting, in types, what the arguments of one handler use up. An event's arguments are deserialised once
//! and its ack is answered once, so two extractors that want the same one are refused by the compiler rather
//! than at run time, wherever they stand in the argument list.

/// What an extractor uses up of its event: [`Nothing`], [`EventArgs`], [`EventAck`] or [`ArgsAndAck`].
pub trait Uses: sealed::Sealed + 'static {}

/// Uses up nothing: the extractor can be taken several times and beside any other.
#[derive(Debug)]
pub struct Nothing(());

/// Uses up the event's arguments.
#[derive(Debug)]
pub struct EventArgs(());

/// Uses up the event's ack: the handler's return value no longer answers.
#[derive(Debug)]
pub struct EventAck(());

/// Uses up the event's arguments and its ack.
#[derive(Debug)]
pub struct ArgsAndAck(());

impl Uses for Nothing {}
impl Uses for EventArgs {}
impl Uses for EventAck {}
impl Uses for ArgsAndAck {}

/// What two extractors of one handler use up together. There is no sum where both use the same.
#[diagnostic::on_unimplemented(
    message = "two arguments of this handler take the same thing of the event (`{Self}` and `{Other}`)",
    label = "takes the event's arguments, or its ack, twice",
    note = "a handler has one `Data` or `RawArgs`: several arguments are one tuple, `Data((a, b)): Data<(A, B)>`",
    note = "and one `Ack`, which is answered once"
)]
pub trait Plus<Other>: Uses {
    /// The sum.
    type Sum: Uses;
}

impl<U: Uses> Plus<U> for Nothing {
    type Sum = U;
}

impl Plus<Nothing> for EventArgs {
    type Sum = EventArgs;
}

impl Plus<EventAck> for EventArgs {
    type Sum = ArgsAndAck;
}

impl Plus<Nothing> for EventAck {
    type Sum = EventAck;
}

impl Plus<EventArgs> for EventAck {
    type Sum = ArgsAndAck;
}

impl Plus<Nothing> for ArgsAndAck {
    type Sum = ArgsAndAck;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Nothing {}
    impl Sealed for super::EventArgs {}
    impl Sealed for super::EventAck {}
    impl Sealed for super::ArgsAndAck {}
}
