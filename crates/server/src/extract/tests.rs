//! What each extractor makes of an event, a connection or a disconnection.

use super::{
    Context, FromContext, Kind, Nothing, OnConnect, OnDisconnect, OnEvent, OnFallback, OptionalFromContext,
};
use crate::socket::{DisconnectReason, Handshake, Socket};
use crate::state::{Requirements, States};
use crate::testing::with_args;
use crate::{Ack, Auth, Data, Event, RawArgs, Rejection, State};
use bytes::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;

/// What the extractor makes of an event `test` with these arguments.
fn extract<T: FromContext<OnEvent>>(args: &str) -> Result<T, Rejection> {
    let (socket, states) = (Socket::unconnected("{}"), States::default());
    with_args(args, |args| T::from_context(&Context::event_of(&socket, &states, "test", args, None)))
}

/// What the extractor makes of a connection with this auth, on a server with these states.
fn on_connect<T: FromContext<OnConnect>>(auth: &str, states: &States) -> Result<T, Rejection> {
    T::from_context(&Context::connected(&Socket::unconnected(auth), states))
}

fn requirements<T: FromContext<OnConnect>>() -> Requirements {
    let mut needs = Requirements::default();
    T::requirements(&mut needs);
    needs
}

#[track_caller]
fn assert_data<T: DeserializeOwned + PartialEq + Debug>(args: &str, expected: T) {
    assert_eq!(extract::<Data<T>>(args), Ok(Data(expected)));
}

#[derive(Debug, PartialEq, Deserialize)]
struct Point {
    x: i32,
    y: i32,
}

#[test]
fn a_tuple_is_several_arguments_and_anything_else_the_first() {
    assert_data("[1,2]", (1, 2));
    assert_data("[\"x\",[1,2]]", (String::from("x"), vec![1, 2]));
    assert_data("[[1,2]]", vec![1, 2]);
    assert_data("[{\"x\":1,\"y\":2}]", Point { x: 1, y: 2 });
    assert_data("[5]", 5);
    assert_data("[]", ());
}

#[test]
fn an_array_type_is_several_arguments_as_a_tuple_is() {
    assert_data("[1,2]", [1, 2]);
}

#[test]
fn further_arguments_are_ignored() {
    assert_data("[1,2,3]", (1, 2));
    assert_data("[1,\"x\"]", 1);
    assert_data("[1]", ());
}

#[test]
fn a_missing_argument_is_none_for_an_option_and_else_a_rejection() {
    assert_data("[1]", (1, None::<i32>));
    assert_data("[]", None::<i32>);
    assert_data("[null]", None::<i32>);
    assert!(extract::<Data<(i32, i32)>>("[1]").is_err());
    assert!(extract::<Data<i32>>("[]").is_err());
}

#[test]
fn arguments_that_do_not_fit_are_a_rejection_that_says_which() {
    let rejection = extract::<Data<(i32, i32)>>("[1,\"x\"]").unwrap_err();
    assert!(
        rejection.message().starts_with("invalid arguments: argument 2: invalid type: string"),
        "{rejection}"
    );
}

#[test]
fn a_rejection_does_not_send_large_arguments_back() {
    for text in ["x".repeat(100_000), "ñ€".repeat(50_000)] {
        let rejection = extract::<Data<i32>>(&format!("[\"{text}\"]")).unwrap_err();
        assert!(rejection.message().len() <= 256 && rejection.message().ends_with('…'), "{rejection}");
    }
    let exact = "x".repeat(256);
    assert_eq!(Rejection::new(exact.clone()).message(), exact);
}

#[test]
fn optional_data_is_none_without_arguments_and_still_rejects_wrong_ones() {
    assert_eq!(extract::<Option<Data<i32>>>("[]"), Ok(None));
    assert_eq!(extract::<Option<Data<i32>>>("[1]"), Ok(Some(Data(1))));
    assert!(extract::<Option<Data<i32>>>("[\"x\"]").is_err());
}

#[test]
fn a_handler_that_takes_the_result_sees_the_rejection() {
    assert_eq!(extract::<Result<Data<i32>, Rejection>>("[1]"), Ok(Ok(Data(1))));
    assert!(extract::<Result<Data<i32>, Rejection>>("[\"x\"]").unwrap().is_err());
}

#[test]
fn raw_arguments_are_those_that_came() {
    let raw = extract::<RawArgs>("[1,{\"x\":[true]}]").unwrap();
    assert_eq!(raw.len(), 2);
    assert_eq!(extract::<RawArgs>("[]").unwrap().len(), 0);
}

#[test]
fn the_event_is_its_name() {
    assert_eq!(extract::<Event>("[1]"), Ok(Event("test".into())));
    let (socket, states) = (Socket::unconnected("{}"), States::default());
    with_args("[]", |args| {
        let cx = Context::<OnFallback>::any_event_of(&socket, &states, "other", args);
        assert_eq!(Event::from_context(&cx), Ok(Event("other".into())));
    });
}

#[test]
fn an_ack_is_taken_once() {
    let (socket, states) = (Socket::unconnected("{}"), States::default());
    with_args("[]", |args| {
        let cx = Context::event_of(&socket, &states, "test", args, Some(3));
        assert!(Ack::from_context(&cx).unwrap().is_requested());
        assert!(!Ack::from_context(&cx).unwrap().is_requested());
        assert!(Ack::optional_from_context(&cx).unwrap().is_none());
    });
}

#[test]
fn auth_is_deserialised_or_rejected() {
    let states = States::default();
    assert_eq!(on_connect("{\"x\":1,\"y\":2}", &states), Ok(Auth(Point { x: 1, y: 2 })));
    let rejection = on_connect::<Auth<Point>>("{}", &states).unwrap_err();
    assert!(rejection.message().starts_with("invalid auth: missing field `x`"), "{rejection}");
    assert_eq!(on_connect::<Option<Auth<Point>>>("{}", &states), Ok(None));
}

#[test]
fn the_handshake_is_the_sockets() {
    let handshake = on_connect::<Handshake>("{\"x\":3,\"y\":4}", &States::default()).unwrap();
    assert_eq!(handshake.auth::<Point>().unwrap(), Point { x: 3, y: 4 });
}

#[test]
fn a_disconnection_has_its_reason() {
    let (socket, states) = (Socket::unconnected("{}"), States::default());
    let reason = DisconnectReason::ClientNamespaceDisconnect;
    let cx = Context::<OnDisconnect>::leaving(&socket, &states, reason);
    assert_eq!(DisconnectReason::from_context(&cx), Ok(reason));
}

#[derive(Clone, Debug, PartialEq)]
struct Database(&'static str);

#[test]
fn state_is_a_clone_of_what_the_server_was_given() {
    let mut states = States::default();
    states.insert(Database("first"));
    states.insert(5_u8);
    assert_eq!(on_connect("{}", &states), Ok(State(5_u8)));
    states.insert(Database("second"));
    assert_eq!(on_connect("{}", &states), Ok(State(Database("second"))));
    assert_eq!(on_connect("{}", &states), Ok(Some(State(5_u8))));
    assert_eq!(on_connect("{}", &states), Ok(None::<State<u16>>));
}

#[test]
fn state_that_is_missing_is_found_by_its_requirement() {
    let mut states = States::default();
    let name = std::any::type_name::<Database>();
    assert_eq!(states.missing(&requirements::<State<Database>>()), Some(name));
    assert_eq!(states.missing(&requirements::<Result<State<Database>, Rejection>>()), Some(name));
    assert_eq!(states.missing(&requirements::<Option<State<Database>>>()), None);
    assert_eq!(states.missing(&requirements::<Socket>()), None);
    states.insert(Database("here"));
    assert_eq!(states.missing(&requirements::<State<Database>>()), None);
}

/// An extractor as applications write them: it uses others, and needs what they need.
#[derive(Debug, PartialEq)]
struct Table(String);

impl<K: Kind> FromContext<K> for Table {
    type Uses = Nothing;

    fn from_context(cx: &Context<'_, K>) -> Result<Self, Rejection> {
        let State(Database(name)) = State::from_context(cx)?;
        let Auth(Point { x, .. }) = Auth::from_context(cx)?;
        if x == 0 { Err(Rejection::new("no table 0")) } else { Ok(Self(format!("{name}.{x}"))) }
    }

    fn requirements(needs: &mut Requirements) {
        <State<Database> as FromContext<K>>::requirements(needs);
    }
}

#[test]
fn an_extractor_of_the_application_can_use_others() {
    let mut states = States::default();
    assert!(states.missing(&requirements::<Table>()).is_some());
    states.insert(Database("db"));
    assert_eq!(on_connect("{\"x\":1,\"y\":2}", &states), Ok(Table("db.1".into())));
    assert_eq!(on_connect::<Table>("{\"x\":0,\"y\":2}", &states), Err(Rejection::new("no table 0")));
}

#[test]
fn extraction_ends_at_the_first_rejection() {
    use super::Extractors;
    let (socket, states) = (Socket::unconnected("{\"x\":0,\"y\":0}"), States::default());
    with_args("[\"x\"]", |args| {
        let cx = Context::event_of(&socket, &states, "test", args, None);
        let rejected = <(Socket, Data<i32>, Auth<Bytes>)>::extract(&cx).map(|_| ()).unwrap_err();
        assert!(rejected.message().starts_with("invalid arguments"), "{rejected}");
    });
}
