//! All arguments of a handler at once: tuples of up to twelve extractors.

use super::{Context, FromContext, Kind, Nothing, Plus, Rejection, Uses};
use crate::state::Requirements;

/// The arguments of a handler: a tuple of up to twelve extractors. Implemented here for all of them.
pub trait Extractors<K: Kind>: Sized {
    /// What they use up together.
    type Uses: Uses;

    #[doc(hidden)]
    fn extract(cx: &Context<'_, K>) -> Result<Self, Rejection>;

    #[doc(hidden)]
    fn requirements(needs: &mut Requirements);
}

impl<K: Kind> Extractors<K> for () {
    type Uses = Nothing;

    fn extract(_: &Context<'_, K>) -> Result<Self, Rejection> {
        Ok(())
    }

    fn requirements(_: &mut Requirements) {}
}

/// Adds up, one extractor after the other, what they use, and collects the bounds that each step needs.
macro_rules! tuple {
    ($kind:ident ($($all:ident)*) [$sum:ty] {$($bounds:tt)*} $next:ident $($rest:ident)*) => {
        tuple!(
            $kind ($($all)*)
            [<$sum as Plus<<$next as FromContext<$kind>>::Uses>>::Sum]
            {$($bounds)* $sum: Plus<<$next as FromContext<$kind>>::Uses>,}
            $($rest)*
        );
    };
    ($kind:ident ($($all:ident)*) [$sum:ty] {$($bounds:tt)*}) => {
        impl<$kind: Kind, $($all),*> Extractors<$kind> for ($($all,)*)
        where
            $($all: FromContext<$kind>,)*
            $($bounds)*
        {
            type Uses = $sum;

            fn extract(cx: &Context<'_, $kind>) -> Result<Self, Rejection> {
                Ok(($($all::from_context(cx)?,)*))
            }

            fn requirements(needs: &mut Requirements) {
                $($all::requirements(needs);)*
            }
        }
    };
}

macro_rules! tuples {
    ($($done:ident)* ;) => {};
    ($($done:ident)* ; $next:ident $($rest:ident)*) => {
        tuple!(K ($($done)* $next) [Nothing] {} $($done)* $next);
        tuples!($($done)* $next ; $($rest)*);
    };
}

tuples!(; A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12);
