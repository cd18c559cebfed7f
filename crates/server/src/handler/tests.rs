//! Handlers of all forms, erased and then driven with events that no connection brought.

use super::{BoxHandler, Handler};
use crate::extract::{Context, Kind, OnConnect, OnDisconnect, OnEvent, OnFallback, OnMiddleware};
use crate::state::States;
use crate::wire::Args;
use crate::*;
use bytes::Bytes;
use futures_util::FutureExt;
use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

fn erased<K: Kind, A, M>(handler: impl Handler<K, A, M>) -> BoxHandler<K> {
    handler.erase("test".into()).0
}

/// Calls a handler with these arguments and an ack of id 7, and gives what was answered.
fn answer<A, M>(args: &str, handler: impl Handler<OnEvent, A, M>) -> Option<String> {
    let (socket, states) = (Socket::unconnected("{}"), States::default());
    let args = Args::parse(args);
    let cx = Context::event_of(&socket, &states, "test", &args, Some(7));
    let future = erased(handler).call(&cx).expect("extracted");
    future.now_or_never().expect("finished");
    let mut acks = socket.sent_acks();
    assert!(acks.len() <= 1, "answered more than once: {acks:?}");
    acks.pop().map(|(id, args)| {
        assert_eq!(id, 7);
        args
    })
}

#[derive(Serialize)]
struct User {
    name: String,
}

#[test]
fn the_return_value_answers() {
    let answers = |expected: &str, answer: Option<String>| assert_eq!(answer.as_deref(), Some(expected));
    answers("[]", answer("[]", async || {}));
    answers("[3]", answer("[1,2]", async |Data((a, b)): Data<(i64, i64)>| a + b));
    answers("[\"x\"]", answer("[]", async || String::from("x")));
    answers("[5]", answer("[]", async || Ok::<i64, String>(5)));
    answers("[{\"error\":\"no\"}]", answer("[]", async || Err::<i64, String>("no".into())));
    answers(
        "[{\"name\":\"Ana\"}]",
        answer("[\"Ana\"]", async |Data(name): Data<String>| -> Result<User, HandlerError> {
            Ok(User { name })
        }),
    );
    answers(
        "[]",
        answer("[\"12\"]", async |Data(text): Data<String>| -> Result<(), HandlerError> {
            let _: i64 = text.parse()?;
            Ok(())
        }),
    );
    answers("[[1,2]]", answer("[]", async || (1, 2)));
    answers("[{\"a\":[1]}]", answer("[]", async || serde_json::json!({"a": [1]})));
    answers("[[1,2]]", answer("[]", async || Bytes::from_static(&[1, 2])));
    fn emit() -> Result<Emitted, EmitError> {
        Err(EmitError("x".into()))
    }
    answers("[{\"error\":\"internal error\"}]", answer("[]", async |_: Socket| emit()));
}

async fn named(Data(n): Data<i64>) -> i64 {
    n + 1
}

#[test]
fn functions_and_closures_of_all_forms_are_handlers() {
    assert_eq!(answer("[1]", named).as_deref(), Some("[2]"));
    let counter = Arc::new(AtomicUsize::new(0));
    let handler = move |_: Socket| {
        let counter = counter.clone();
        async move { counter.fetch_add(1, Ordering::Relaxed) }
    };
    assert_eq!(answer("[]", handler).as_deref(), Some("[0]"));
    erased::<OnEvent, _, _>(async || panic!("never"));
    erased::<OnEvent, _, _>(async || {
        loop {
            tokio::task::yield_now().await;
        }
    });
    erased::<OnEvent, _, _>(async |_: Ack| panic!("never"));
    erased::<OnMiddleware, _, _>(async || panic!("never"));
    erased::<OnConnect, _, _>(async |_: Socket, _: Handshake| {});
    erased::<OnDisconnect, _, _>(async |_: Socket, _: DisconnectReason| {});
    erased::<OnFallback, _, _>(async |_: Event, _: RawArgs| {});
    erased::<OnMiddleware, _, _>(
        async |Auth(auth): Auth<serde_json::Value>| {
            if auth.is_null() { Ok(()) } else { Err(Refusal::new("x")) }
        },
    );
}
