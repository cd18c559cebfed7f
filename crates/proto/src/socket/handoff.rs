//! Hands a [`Bytes`] through serde without copying what it holds.
//!
//! serde's data model knows bytes only as a borrowed slice, so a reference-counted buffer would be copied each
//! time it goes through a serializer or a visitor. The types of this crate lay a reference down here for the
//! time of that call, and the other end picks it up if the slice it got is the very same memory.
//! A value that passes through somebody else's serializer in between is simply copied.

use std::cell::RefCell;

use bytes::Bytes;

use super::RawArgs;

thread_local! {
    static BYTES: RefCell<Option<Bytes>> = const { RefCell::new(None) };
    static RAW: RefCell<Option<RawArgs>> = const { RefCell::new(None) };
}

/// Calls `f` with `bytes` laid down.
pub(super) fn with_bytes<R>(bytes: &Bytes, f: impl FnOnce() -> R) -> R {
    let before = BYTES.replace(Some(bytes.clone()));
    let result = f();
    BYTES.replace(before);
    result
}

/// `slice` as [`Bytes`]: the buffer laid down if it is that one, else a copy.
pub(super) fn take_bytes(slice: &[u8]) -> Bytes {
    BYTES
        .with_borrow_mut(|laid_down| laid_down.take_if(|bytes| std::ptr::eq(&**bytes, slice)))
        .unwrap_or_else(|| Bytes::copy_from_slice(slice))
}

/// Calls `f` with `args` laid down.
pub(super) fn with_raw<R>(args: &RawArgs, f: impl FnOnce() -> R) -> R {
    let before = RAW.replace(Some(args.clone()));
    let result = f();
    RAW.replace(before);
    result
}

/// The arguments laid down.
pub(super) fn take_raw() -> Option<RawArgs> {
    RAW.take()
}
