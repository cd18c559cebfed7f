//! Handlers of all forms, erased and then driven with events that no connection brought.

use super::{Answers, Begun, CallError, Handler};
use crate::extract::{
    Context, FromContext, Kind, Nothing, OnConnect, OnDisconnect, OnEvent, OnFallback, OnMiddleware,
};
use crate::state::States;
use crate::testing::{Call, erased, logged};
use crate::{
    Ack, Auth, Data, DisconnectReason, EmitError, Emitted, Event, HandlerError, Handshake, RawArgs, Refusal,
    Rejection, Socket, State,
};
use bytes::Bytes;
use futures_util::FutureExt;
use serde::{Serialize, Serializer};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use tokio::sync::{mpsc, oneshot};

/// What a handler answers to an event with these arguments.
#[track_caller]
fn answer<A, M>(args: &str, handler: impl Handler<OnEvent, A, M>) -> Option<String> {
    let call = Call::new();
    call.start(args, handler).expect("extracted").now_or_never().expect("finished");
    call.answered()
}

#[track_caller]
fn assert_answers<A, M>(expected: &str, args: &str, handler: impl Handler<OnEvent, A, M>) {
    assert_eq!(answer(args, handler).as_deref(), Some(expected));
}

#[derive(Serialize)]
struct User {
    name: String,
}

/// A value that serde can't make JSON of.
fn unencodable() -> HashMap<Vec<u8>, u8> {
    HashMap::from([(vec![1], 2)])
}

#[test]
fn nothing_is_answered_without_arguments() {
    assert_answers("[]", "[]", async || {});
    assert_answers("[]", "[\"12\"]", async |Data(text): Data<String>| -> Result<(), HandlerError> {
        let _: i64 = text.parse()?;
        Ok(())
    });
}

#[test]
fn a_value_answers_as_one_argument() {
    assert_answers("[3]", "[1,2]", async |Data((a, b)): Data<(i64, i64)>| a + b);
    assert_answers("[\"x\"]", "[]", async || String::from("x"));
    assert_answers("[\"x\"]", "[]", async || "x");
    assert_answers("[[1,2]]", "[]", async || (1, 2));
    assert_answers("[[1,2]]", "[]", async || vec![1, 2]);
    assert_answers("[{\"a\":[1]}]", "[]", async || serde_json::json!({"a": [1]}));
    assert_answers("[{\"name\":\"Ana\"}]", "[\"Ana\"]", async |Data(name): Data<String>| User { name });
    assert_answers("[5]", "[]", async || Some(5));
    assert_answers("[{\"_placeholder\":true,\"num\":0}]", "[]", async || Bytes::from_static(b"ab"));
}

#[test]
fn raw_arguments_answer_as_they_came() {
    assert_answers("[1,{\"a\":[true]}]", "[1,{\"a\":[true]}]", async |args: RawArgs| args);
}

#[test]
fn a_result_answers_its_value_or_its_error() {
    assert_answers("[5]", "[]", async || Ok::<i64, String>(5));
    assert_answers("[{\"error\":\"no\"}]", "[]", async || Err::<i64, String>("no".into()));
    assert_answers(
        "[{\"name\":\"Ana\"}]",
        "[\"Ana\"]",
        async |Data(name): Data<String>| -> Result<User, HandlerError> { Ok(User { name }) },
    );
    assert_answers("[{\"error\":\"odd\"}]", "[]", async || -> Result<i64, HandlerError> {
        Err(HandlerError::new("odd"))
    });
}

#[test]
fn what_an_emit_returns_answers_as_nothing() {
    fn emit(_: Socket) -> Result<Emitted, EmitError> {
        Ok(Emitted::locally())
    }
    assert_answers("[]", "[]", async |socket: Socket| emit(socket));
}

#[test]
fn an_error_that_is_not_for_clients_is_logged_and_not_sent() {
    let log = logged(|| {
        assert_answers(
            "[{\"error\":\"internal error\"}]",
            "[\"x\"]",
            async |Data(text): Data<String>| -> Result<i64, HandlerError> { Ok(text.parse()?) },
        );
    });
    assert!(log.contains("ERROR") && log.contains("handler=\"test\""), "{log}");
    assert!(log.contains("invalid digit"), "{log}");
}

#[test]
fn a_value_that_cannot_be_encoded_answers_with_an_error() {
    let log = logged(|| assert_answers("[{\"error\":\"internal error\"}]", "[]", async || unencodable()));
    assert!(log.contains("handler=\"test\""), "{log}");
}

#[test]
fn nobody_is_answered_who_did_not_ask() {
    let call = Call::without_ack();
    call.start("[]", async || 5).unwrap().now_or_never().unwrap();
    call.start("[]", async || Err::<i64, _>(HandlerError::new("no"))).unwrap().now_or_never().unwrap();
    call.start("[]", async || unencodable()).unwrap().now_or_never().unwrap();
    call.start("[]", async |ack: Ack| ack.send(&5)).unwrap().now_or_never().unwrap();
    assert_eq!(call.answered(), None);
}

#[test]
fn an_ack_answers_as_an_emit_does() {
    assert_answers("[1,2]", "[]", async |ack: Ack| ack.send(&(1, 2)));
    assert_answers("[]", "[]", async |ack: Ack| ack.send(&()));
    assert_answers("[5]", "[5]", async |Data(n): Data<i64>, ack: Ack| ack.send(&n));
    assert_answers("[5]", "[5]", async |ack: Ack, Data(n): Data<i64>| ack.send(&n));
}

#[test]
fn nothing_is_sent_for_the_return_of_a_handler_that_took_the_ack() {
    let call = Call::new();
    call.start("[]", async |ack: Ack| drop(ack)).unwrap().now_or_never().unwrap();
    call.start("[]", async |_: Ack| -> Result<(), HandlerError> { Err(HandlerError::new("no")) })
        .unwrap()
        .now_or_never()
        .unwrap();
    call.start("[]", async |_: Option<Ack>| {}).unwrap().now_or_never().unwrap();
    assert_eq!(call.answered(), None);
}

#[tokio::test]
async fn an_ack_can_be_answered_later_and_elsewhere() {
    let (elsewhere, mut acks) = mpsc::unbounded_channel();
    let call = Call::new();
    let handler = move |ack: Ack| {
        let elsewhere = elsewhere.clone();
        async move {
            assert!(ack.is_requested());
            elsewhere.send(ack).expect("received");
        }
    };
    call.start("[]", handler).unwrap().await;
    assert_eq!(call.answered(), None);
    let ack = acks.recv().await.unwrap();
    tokio::spawn(async move { ack.send("late") }).await.unwrap().unwrap();
    assert_eq!(call.answered().as_deref(), Some("[\"late\"]"));
}

#[test]
fn an_ack_knows_whether_it_was_asked_for() {
    assert_answers("[true]", "[]", async |ack: Ack| {
        let asked = ack.is_requested();
        ack.send(&asked)
    });
    let seen = Arc::new(AtomicUsize::new(0));
    let count = seen.clone();
    let handler = move |ack: Ack| {
        let count = count.clone();
        async move {
            count.fetch_add(usize::from(!ack.is_requested()), Ordering::Relaxed);
        }
    };
    Call::without_ack().start("[]", handler).unwrap().now_or_never().unwrap();
    let count = seen.clone();
    let handler = move |ack: Option<Ack>| {
        let count = count.clone();
        async move {
            count.fetch_add(usize::from(ack.is_none()), Ordering::Relaxed);
        }
    };
    Call::without_ack().start("[]", handler).unwrap().now_or_never().unwrap();
    assert_eq!(seen.load(Ordering::Relaxed), 2);
}

#[test]
fn a_handler_whose_arguments_do_not_fit_is_not_called_and_answers_nothing_itself() {
    let call = Call::new();
    let rejected = call.start("[\"x\"]", async |_: Ack, Data(_): Data<i64>| panic!("called"));
    assert!(matches!(rejected, Err(CallError::Rejected(_))));
    let rejected = call.start("[\"x\"]", async |Data(n): Data<i64>| n);
    assert!(matches!(rejected, Err(CallError::Rejected(_))));
    assert_eq!(call.answered(), None);
}

#[test]
fn calling_a_handler_does_not_poll_it() {
    let call = Call::new();
    let future = call.start("[]", async || 1).unwrap();
    assert_eq!(call.answered(), None);
    future.now_or_never().unwrap();
    assert!(call.answered().is_some());
}

#[tokio::test]
async fn a_handler_that_waits_answers_when_it_has_finished() {
    let (go, gone) = oneshot::channel::<i64>();
    let gone = Arc::new(tokio::sync::Mutex::new(gone));
    let handler = move || {
        let gone = gone.clone();
        async move { (&mut *gone.lock().await).await.expect("sent") }
    };
    let call = Call::new();
    let mut future = call.start("[]", handler).unwrap();
    assert!((&mut future).now_or_never().is_none());
    assert_eq!(call.answered(), None);
    go.send(4).unwrap();
    future.await;
    assert_eq!(call.answered().as_deref(), Some("[4]"));
}

async fn increment(Data(n): Data<i64>) -> i64 {
    n + 1
}

#[test]
fn functions_and_closures_of_all_forms_are_handlers() {
    assert_answers("[2]", "[1]", increment);
    let counter = Arc::new(AtomicUsize::new(3));
    let handler = move |_: Socket| {
        let counter = counter.clone();
        async move { counter.fetch_add(1, Ordering::Relaxed) }
    };
    assert_answers("[3]", "[]", handler);
    assert_answers("[1]", "[]", || std::future::ready(1));
    assert_answers(
        "[1]",
        "[1]",
        async |Data(n): Data<i64>,
               _: Socket,
               _: Handshake,
               _: Event,
               _: Result<Auth<i64>, Rejection>,
               _: Option<State<i64>>,
               _: Option<Auth<i64>>,
               _: Socket,
               _: Socket,
               _: Socket,
               _: Socket,
               _: Socket| n,
    );
}

#[test]
fn handlers_that_never_return_are_handlers() {
    let endless = async || {
        loop {
            tokio::task::yield_now().await;
        }
    };
    erased::<OnEvent, _, _>(endless);
    erased::<OnConnect, _, _>(endless);
    erased::<OnEvent, _, _>(async |_: Ack| panic!("not called"));
    erased::<OnMiddleware, _, _>(async || panic!("not called"));
}

#[test]
fn what_returns_something_answers_before_what_only_finishes() {
    let answers = |handler: super::BoxHandler<OnEvent>| handler.answers();
    assert_eq!(answers(erased(async || {})), Answers::Finished);
    assert_eq!(answers(erased(async || -> Result<(), HandlerError> { Ok(()) })), Answers::Finished);
    assert_eq!(answers(erased(async || 1)), Answers::Value);
    assert_eq!(answers(erased(async || Ok::<(), String>(()))), Answers::Value);
    assert_eq!(answers(erased(async || -> Result<i64, HandlerError> { Ok(1) })), Answers::Value);
    assert_eq!(answers(erased(async |_: Ack| {})), Answers::Value);
    assert_eq!(answers(erased(async |_: Option<Ack>| {})), Answers::Value);
    assert_eq!(erased::<OnFallback, _, _>(async || {}).answers(), Answers::No);
    assert_eq!(erased::<OnConnect, _, _>(async || {}).answers(), Answers::No);
}

/// Runs a middleware to its verdict.
fn verdict<A, M>(handler: impl Handler<OnMiddleware, A, M>) -> Result<(), Refusal> {
    let (socket, states) = (Socket::unconnected("{}"), States::default());
    let future = erased(handler).call(&Context::entering(&socket, &states)).expect("extracted");
    future.now_or_never().expect("finished")
}

#[test]
fn a_middleware_refuses_with_its_message_and_data() {
    let refusal = Refusal::new("unauthorized").with_data(serde_json::json!({"code": 401}));
    let refused = refusal.clone();
    assert_eq!(verdict(move || std::future::ready(Err(refused.clone()))), Err(refusal.clone()));
    let refused = refusal.clone();
    let handler = move || {
        let refused = refused.clone();
        async move { Err(HandlerError::from(refused)) }
    };
    assert_eq!(verdict(handler), Err(refusal));
    assert_eq!(verdict(async || {}), Ok(()));
    assert_eq!(verdict(async || Ok::<(), Refusal>(())), Ok(()));
}

#[test]
fn a_middleware_that_fails_lets_nobody_in_and_tells_no_internals() {
    let log = logged(|| {
        let failed = verdict(async || -> Result<(), HandlerError> {
            let _: i64 = "secret".parse()?;
            Ok(())
        });
        assert_eq!(failed, Err(Refusal::new("internal error")));
    });
    assert!(log.contains("invalid digit"), "{log}");
}

#[test]
fn connections_and_disconnections_have_handlers() {
    let (socket, states) = (Socket::unconnected("{}"), States::default());
    let log = logged(|| {
        let connected =
            erased::<OnConnect, _, _>(async |_: Socket, _: Handshake| -> Result<(), HandlerError> {
                Err(std::io::Error::other("no database").into())
            });
        connected.call(&Context::connected(&socket, &states)).unwrap().now_or_never().unwrap();
        let left = erased::<OnDisconnect, _, _>(async |_: Socket, reason: DisconnectReason| {
            tracing::info!("left: {reason}");
        });
        let reason = DisconnectReason::ClientNamespaceDisconnect;
        left.call(&Context::leaving(&socket, &states, reason)).unwrap().now_or_never().unwrap();
    });
    assert!(log.contains("no database"), "{log}");
    assert!(log.contains("left: client namespace disconnect"), "{log}");
}

#[test]
fn a_catch_all_sees_the_name_and_the_arguments() {
    let (socket, states) = (Socket::unconnected("{}"), States::default());
    let log = logged(|| {
        crate::testing::with_args("[1,\"x\"]", |args| {
            let fallback = erased::<OnFallback, _, _>(async |Event(name): Event, args: RawArgs| {
                tracing::info!("{name} with {}", args.len());
            });
            let cx = Context::any_event_of(&socket, &states, "whatever", args);
            fallback.call(&cx).unwrap().now_or_never().unwrap();
        });
    });
    assert!(log.contains("whatever with 2"), "{log}");
    assert!(socket.sent_acks().is_empty());
}

/// Panics where it is extracted.
struct Bomb;

impl<K: Kind> FromContext<K> for Bomb {
    type Uses = Nothing;

    fn from_context(_: &Context<'_, K>) -> Result<Self, Rejection> {
        panic!("secret")
    }
}

/// Panics where it is dropped.
struct DropBomb;

impl Drop for DropBomb {
    fn drop(&mut self) {
        panic!("secret")
    }
}

/// Panics where it is encoded.
struct EncodeBomb;

impl Serialize for EncodeBomb {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        panic!("secret")
    }
}

#[test]
fn a_panic_ends_its_handler_only_and_answers_nothing() {
    let call = Call::new();
    let log = logged(|| {
        call.start("[]", async || panic!("secret")).unwrap().now_or_never().unwrap();
        call.start("[]", async |_: Ack| panic!("secret")).unwrap().now_or_never().unwrap();
    });
    assert_eq!(call.answered(), None);
    assert_eq!(log.matches("handler panicked").count(), 2, "{log}");
    assert!(log.contains("handler=\"test\"") && !log.contains("secret"), "{log}");
}

#[test]
fn a_handler_is_begun_and_polled_in_one_go() {
    let echo = erased::<OnEvent, _, _>(async |Data(text): Data<String>| text);
    for text in ["a", "b", "c"] {
        let call = Call::new();
        let begun = call.begin(&format!("[\"{text}\"]"), &echo);
        assert!(matches!(begun, Ok(Begun::Finished(()))));
        assert_eq!(call.answered(), Some(format!("[\"{text}\"]")));
        assert!(matches!(call.begin("[1]", &echo), Err(CallError::Rejected(_))));
    }
}

#[tokio::test]
async fn handlers_that_were_begun_and_wait_do_not_get_in_each_others_way() {
    let wait = erased::<OnEvent, _, _>(async |Data((wait, n)): Data<(bool, i64)>| {
        if wait {
            tokio::task::yield_now().await;
        }
        n
    });
    let (first, second, third) = (Call::new(), Call::new(), Call::new());
    let Ok(Begun::Waits(one)) = first.begin("[true,1]", &wait) else { panic!("it has to wait") };
    let Ok(Begun::Waits(two)) = second.begin("[true,2]", &wait) else { panic!("it has to wait") };
    assert!(matches!(third.begin("[false,3]", &wait), Ok(Begun::Finished(()))));
    assert_eq!((first.answered(), second.answered()), (None, None));
    two.await;
    one.await;
    for (call, answer) in [(first, "[1]"), (second, "[2]"), (third, "[3]")] {
        assert_eq!(call.answered().as_deref(), Some(answer));
    }
}

/// What is alive of it.
struct Counted(Arc<()>);

#[test]
fn nothing_of_a_handler_that_was_begun_outlives_it() {
    let alive = Arc::new(());
    let held = alive.clone();
    let handler = erased::<OnEvent, _, _>(move |Data(how): Data<String>| {
        let held = Counted(held.clone());
        // A future that still has its variables when it is ready.
        std::future::poll_fn(move |_| {
            let _ = &held.0;
            match how.as_str() {
                "ready" => Poll::Ready(()),
                "wait" => Poll::Pending,
                _ => panic!("secret"),
            }
        })
    });
    let log = logged(|| {
        let call = Call::without_ack();
        assert!(matches!(call.begin("[\"ready\"]", &handler), Ok(Begun::Finished(()))));
        assert_eq!(Arc::strong_count(&alive), 2);
        let Ok(Begun::Waits(waiting)) = call.begin("[\"wait\"]", &handler) else { panic!("it has to wait") };
        assert_eq!(Arc::strong_count(&alive), 3);
        assert!(matches!(call.begin("[\"panic\"]", &handler), Err(CallError::Panicked)));
        assert_eq!(Arc::strong_count(&alive), 3);
        drop(waiting);
        assert!(matches!(call.begin("[\"ready\"]", &handler), Ok(Begun::Finished(()))));
        assert_eq!(Arc::strong_count(&alive), 2);
    });
    assert_eq!(log.matches("handler panicked").count(), 1, "{log}");
    assert!(log.contains("handler=\"test\"") && !log.contains("secret"), "{log}");
}

#[test]
fn panics_of_a_handler_that_was_begun_end_it_only() {
    let log = logged(|| {
        let call = Call::new();
        let encoded = erased::<OnEvent, _, _>(async || EncodeBomb);
        assert!(matches!(call.begin("[]", &encoded), Err(CallError::Panicked)));
        let dropped = erased::<OnEvent, _, _>(|| {
            let bomb = DropBomb;
            std::future::poll_fn(move |_| {
                let _ = &bomb;
                Poll::Ready(())
            })
        });
        // It has answered before its variables are dropped.
        assert!(call.begin("[]", &dropped).is_err());
        assert_eq!(call.answered().as_deref(), Some("[]"));
        // What panics and then panics in its variables too.
        let call = Call::new();
        let both = erased::<OnEvent, _, _>(|| {
            let bomb = DropBomb;
            std::future::poll_fn(move |_| -> Poll<()> {
                let _ = &bomb;
                panic!("secret")
            })
        });
        assert!(matches!(call.begin("[]", &both), Err(CallError::Panicked)));
        assert_eq!(call.answered(), None);
        let waiting = erased::<OnEvent, _, _>(async || {
            tokio::task::yield_now().await;
            panic!("secret")
        });
        let Ok(Begun::Waits(waiting)) = call.begin("[]", &waiting) else { panic!("it has to wait") };
        assert_eq!(waiting.now_or_never(), Some(()));
    });
    assert_eq!(log.matches("handler panicked").count(), 5, "{log}");
    assert_eq!(log.matches("handler=\"test\"").count(), 5, "{log}");
}

#[test]
fn a_handler_may_be_begun_while_it_is_begun() {
    let outer = Arc::new(Call::new());
    let inner = outer.clone();
    let handler: Arc<std::sync::OnceLock<super::BoxHandler<OnEvent>>> = Arc::default();
    let again = handler.clone();
    let function = move |Data(deep): Data<i64>| {
        let (inner, again) = (inner.clone(), again.clone());
        async move {
            if deep > 0 {
                let nested = Call::without_ack();
                let args = format!("[{}]", deep - 1);
                let begun = nested.begin(&args, again.get().expect("set"));
                assert!(matches!(begun, Ok(Begun::Finished(()))));
            }
            let _ = inner.socket.connected();
            deep
        }
    };
    let _ = handler.set(erased(function));
    assert!(matches!(outer.begin("[3]", handler.get().expect("set")), Ok(Begun::Finished(()))));
    assert_eq!(outer.answered().as_deref(), Some("[3]"));
}

#[test]
fn a_panic_before_the_future_exists_ends_its_handler_only() {
    let call = Call::new();
    let log = logged(|| {
        let panicked = call.start("[]", |_: Socket| -> std::future::Ready<()> { panic!("secret") });
        assert!(matches!(panicked, Err(CallError::Panicked)));
        let panicked = call.start("[]", async |_: Bomb| {});
        assert!(matches!(panicked, Err(CallError::Panicked)));
    });
    assert_eq!(call.answered(), None);
    assert_eq!(log.matches("handler panicked").count(), 2, "{log}");
}

#[test]
fn a_panic_in_a_destructor_or_in_the_answer_ends_its_handler_only() {
    let call = Call::new();
    let log = logged(|| {
        call.start("[]", async || EncodeBomb).unwrap().now_or_never().unwrap();
        // A handler that is cancelled drops what it holds.
        let waiting = async || {
            let _bomb = DropBomb;
            std::future::pending::<()>().await;
        };
        let mut future = call.start("[]", waiting).unwrap();
        assert!((&mut future).now_or_never().is_none());
        drop(future);
    });
    assert_eq!(call.answered(), None);
    assert_eq!(log.matches("handler panicked").count(), 2, "{log}");
}

#[test]
fn a_handler_that_panicked_is_ready_and_stays_so() {
    let call = Call::new();
    let mut future = call.start("[]", async || panic!("once")).unwrap();
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert_eq!(future.as_mut().poll(&mut cx), Poll::Ready(()));
    assert_eq!(future.as_mut().poll(&mut cx), Poll::Ready(()));
}

#[test]
fn a_middleware_that_panics_lets_nobody_in() {
    assert_eq!(verdict(async || panic!("secret")), Err(Refusal::new("internal error")));
}
