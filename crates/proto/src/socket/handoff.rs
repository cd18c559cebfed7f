//! Hands a [`Bytes`] through serde without copying what it holds.
//!
//! serde's data model knows bytes only as a borrowed slice, so a reference-counted buffer would be copied each
//! time it goes through a serializer or a visitor. The types of this crate lay a reference down here for the
//! time of that call, and the other end picks it up if the slice it got is the very same memory. Unparsed arguments
//! pass their text as a string to the serializer that asks them for it; where they have attachments they go the other way: it lays
//! its output down, and they write themselves.
//! A value that passes through somebody else's serializer in between is simply copied.

use std::cell::{Cell, RefCell};

use bytes::Bytes;

use super::RawArgs;

thread_local! {
    static BYTES: RefCell<Option<Bytes>> = const { RefCell::new(None) };
    static SINK: Cell<Option<Sink>> = const { Cell::new(None) };
    static TEXT: Cell<Asked> = const { Cell::new(Asked::No) };
}

/// Calls `f` with `bytes` laid down.
pub(super) fn with_bytes<R>(bytes: &Bytes, f: impl FnOnce() -> R) -> R {
    // Where the thread is ending nothing can be laid down, and it is copied.
    let before = BYTES.try_with(|laid_down| laid_down.replace(Some(bytes.clone())));
    let result = f();
    if let Ok(before) = before {
        let _ = BYTES.try_with(|laid_down| laid_down.replace(before));
    }
    result
}

/// `slice` as [`Bytes`]: the buffer laid down if it is that one, else a copy.
pub(super) fn take_bytes(slice: &[u8]) -> Bytes {
    BYTES
        .try_with(|laid_down| laid_down.borrow_mut().take_if(|bytes| std::ptr::eq(&**bytes, slice)))
        .ok()
        .flatten()
        .unwrap_or_else(|| Bytes::copy_from_slice(slice))
}

/// Whether unparsed arguments are asked for their text, and what came of it.
#[derive(Debug, Clone, Copy)]
enum Asked {
    No,
    Yes,
    /// The arguments have passed text that lies here to their serializer.
    Given {
        at: *const str,
        count: usize,
    },
    /// It has come there.
    Taken {
        count: usize,
    },
}

/// Calls `f`, in which arguments are serialized to a serializer that takes their text with [`take_text`]: tells how many
/// arguments it took. `None` where there was something else.
pub(super) fn with_text_asked(f: impl FnOnce()) -> Option<usize> {
    let before = TEXT.replace(Asked::Yes);
    f();
    match TEXT.replace(before) {
        Asked::Taken { count } => Some(count),
        _ => None,
    }
}

/// Whether arguments are to pass their text on as a string: without attachments it says it all.
pub(super) fn give_text(args: &RawArgs) -> bool {
    if !matches!(TEXT.get(), Asked::Yes) {
        return false;
    }
    let gives = args.attachments().is_empty();
    TEXT.set(if gives { Asked::Given { at: args.json(), count: args.len() } } else { Asked::No });
    gives
}

/// Whether `text` is the very text that arguments have given.
pub(super) fn take_text(text: &str) -> bool {
    match TEXT.get() {
        Asked::Given { at, count } if std::ptr::eq(at, text) => {
            TEXT.set(Asked::Taken { count });
            true
        }
        _ => false,
    }
}

/// What is being written, and where its attachments are numbered from.
#[derive(Default)]
struct Sink {
    out: Vec<u8>,
    attachments: Vec<Bytes>,
    base: usize,
    /// How many arguments were written.
    written: Option<usize>,
}

/// Lays the output down, and calls `f`, in which [`splice`] may write arguments to it: tells how many. `None` where it wrote none, or
/// the thread is ending.
pub(super) fn with_sink(
    out: &mut Vec<u8>,
    attachments: &mut Vec<Bytes>,
    base: usize,
    f: impl FnOnce(),
) -> Option<usize> {
    let before = SINK.try_with(Cell::take).ok()?;
    let sink =
        Sink { out: std::mem::take(out), attachments: std::mem::take(attachments), base, written: None };
    SINK.set(Some(sink));
    f();
    let sink = SINK.replace(before).unwrap_or_default();
    (*out, *attachments) = (sink.out, sink.attachments);
    sink.written
}

/// Writes the arguments as they are to the output that is laid down; `false` where none is.
pub(super) fn splice(args: &RawArgs) -> bool {
    let Ok(Some(mut sink)) = SINK.try_with(Cell::take) else { return false };
    let first = sink.written.is_none();
    if first {
        args.splice(&mut sink.out, &mut sink.attachments, sink.base);
        sink.written = Some(args.len());
    }
    SINK.set(Some(sink));
    first
}
