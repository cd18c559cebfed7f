//! Extractors that may be absent or wrong without ending the handler: `Option<X>` and `Result<X, Rejection>`.

use super::{Context, FromContext, Kind, Rejection};
use crate::state::Requirements;

/// An extractor that a handler can take as an `Option`: `None` where there is nothing to extract.
///
/// What "nothing" means is said by each: no arguments for [`Data`](crate::Data), an event whose sender
/// doesn't wait for an answer for [`Ack`](crate::Ack), no such state for [`State`](crate::State), an auth
/// that doesn't fit for [`Auth`](crate::Auth).
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be taken as an `Option` by a handler here (`{K}`)",
    label = "this extractor is never absent, or doesn't exist here",
    note = "`Data`, `Ack`, `State` and `Auth` can be taken as an `Option`"
)]
pub trait OptionalFromContext<K: Kind>: FromContext<K> {
    /// Makes the value, or finds that there is none.
    ///
    /// # Errors
    /// A [`Rejection`] where there is something, but it doesn't fit.
    fn optional_from_context(cx: &Context<'_, K>) -> Result<Option<Self>, Rejection>;
}

impl<K: Kind, T: OptionalFromContext<K>> FromContext<K> for Option<T> {
    type Uses = T::Uses;

    fn from_context(cx: &Context<'_, K>) -> Result<Self, Rejection> {
        T::optional_from_context(cx)
    }
}

impl<K: Kind, T: FromContext<K>> FromContext<K> for Result<T, Rejection> {
    type Uses = T::Uses;

    fn from_context(cx: &Context<'_, K>) -> Result<Self, Rejection> {
        Ok(T::from_context(cx))
    }

    fn requirements(needs: &mut Requirements) {
        T::requirements(needs);
    }
}
