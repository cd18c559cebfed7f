//! Functions of any number of arguments, seen as functions of one tuple.

/// A function that can be a handler: up to twelve arguments, and it returns a future.
///
/// It says nothing about what the arguments and the future's output may be; that is asked where the handler
/// is registered, so that the compiler can point at the very argument that doesn't fit.
pub trait HandlerFn<Args> {
    /// What the future makes.
    type Output;
    /// The future.
    type Future: Future<Output = Self::Output>;

    /// Calls the function.
    #[doc(hidden)]
    fn call_with(&self, args: Args) -> Self::Future;
}

macro_rules! function {
    ($($Arg:ident $arg:ident)*) => {
        impl<F, Fut, $($Arg),*> HandlerFn<($($Arg,)*)> for F
        where
            F: Fn($($Arg),*) -> Fut,
            Fut: Future,
        {
            type Output = Fut::Output;
            type Future = Fut;

            fn call_with(&self, ($($arg,)*): ($($Arg,)*)) -> Fut {
                self($($arg),*)
            }
        }
    };
}

/// For no argument, for the first, for the first two, and so on.
macro_rules! functions {
    ($($done:ident)* ;) => {
        function!($($done)*);
    };
    ($($done:ident)* ; $Next:ident $next:ident $($rest:ident)*) => {
        function!($($done)*);
        functions!($($done)* $Next $next ; $($rest)*);
    };
}

functions!(; A1 a1 A2 a2 A3 a3 A4 a4 A5 a5 A6 a6 A7 a7 A8 a8 A9 a9 A10 a10 A11 a11 A12 a12);
