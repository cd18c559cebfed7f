//! What is registered, and the table that is made of it.

use super::{Definition, Found, Name, Namespace, NamespaceCore, Namespaces, with_ack};
use crate::error::BuildError;
use crate::extract::Context;
use crate::state::States;
use crate::testing::{ACK, Call, logged, with_args};
use crate::{Ack, Data, DisconnectReason, HandlerError, Socket, State};
use futures_util::FutureExt;
use std::sync::Arc;

fn define(namespace: Namespace) -> Definition {
    namespace.define(&States::default()).expect("defined")
}

/// Calls the handlers of the event `test` in order, and gives what was answered.
fn dispatch(namespace: Namespace) -> Option<String> {
    let definition = define(namespace);
    let call = Call::new();
    let route = definition.routes.events.get("test").expect("registered");
    for (handler, ack) in route.with_ack(Some(ACK)) {
        with_args("[]", |args| {
            let cx = Context::event_of(&call.socket, &call.states, "test", args, ack);
            handler.call(&cx).expect("extracted").now_or_never().expect("finished");
        });
    }
    call.answered()
}

#[test]
fn a_name_without_a_slash_gets_one() {
    for (given, name) in [("/", "/"), ("", "/"), ("chat", "/chat"), ("/chat", "/chat"), ("a/b", "/a/b")] {
        assert_eq!(define(Namespace::new(given)).name.to_string(), name);
    }
}

/// Whether a dynamic namespace has this name.
fn matches(namespace: Namespace, name: &str) -> Option<bool> {
    match define(namespace).name {
        Name::Dynamic(dynamic) => dynamic.matches(name),
        Name::Exact(name) => panic!("{name} is one namespace"),
    }
}

#[test]
fn a_dynamic_namespace_has_every_name_that_it_accepts() {
    let tenants = || {
        Namespace::matching(|name| name.strip_prefix("/tenant-").is_some_and(|id| id.parse::<u32>().is_ok()))
    };
    for (name, expected) in [("/tenant-1", true), ("/tenant-42", true), ("/tenant-", false), ("/", false)] {
        assert_eq!(matches(tenants(), name), Some(expected), "{name}");
        assert_eq!(matches(Namespace::regex("/tenant-[0-9]+"), name), Some(expected), "{name}");
        assert_eq!(matches(Namespace::pattern("/tenant-*"), name), Some(expected), "{name}");
        assert_eq!(matches(Namespace::matching_async(async || true), name), None, "{name}");
    }
}

#[test]
fn in_a_pattern_only_the_star_is_special() {
    for (pattern, name, expected) in [
        ("/a.b", "/a.b", true),
        ("/a.b", "/axb", false),
        ("/*/chat", "/7/chat", true),
        ("/*/chat", "/7/8/chat", false),
        ("/*-*", "/a-b", true),
        ("/*-*", "/-b", false),
        ("/(x)+", "/(x)+", true),
    ] {
        assert_eq!(matches(Namespace::pattern(pattern), name), Some(expected), "{pattern} {name}");
    }
}

#[test]
fn a_predicate_that_panics_accepts_nothing() {
    let log = logged(|| {
        assert_eq!(matches(Namespace::matching(|_| panic!("secret")), "/any"), Some(false));
    });
    assert!(log.contains("Namespace::matching") && !log.contains("secret"), "{log}");
}

#[test]
fn handlers_are_kept_in_the_order_they_are_registered_in() {
    let namespace = Namespace::new("/")
        .middleware(async || {})
        .on_connect(async |_: Socket| {})
        .on("a", async || {})
        .on("a", async || 1)
        .on("b", async || 1)
        .on_any(async |_: Socket| {})
        .on_fallback(async |_: Socket| {})
        .on_disconnecting(async |_: DisconnectReason| {})
        .on_disconnect(async |_: DisconnectReason| {})
        .on_disconnect(async |_: DisconnectReason| {});
    let routes = define(namespace).routes;
    let counts = [
        routes.middlewares.len(),
        routes.connect.len(),
        routes.events.len(),
        routes.events["a"].handlers().count(),
        routes.any.len(),
        routes.fallback.len(),
        routes.disconnecting.len(),
        routes.disconnect.len(),
    ];
    assert_eq!(counts, [1, 1, 2, 2, 1, 1, 1, 2]);
}

#[test]
fn of_several_handlers_the_first_that_returns_a_value_answers() {
    let silent = |name| Namespace::new(name).on("test", async || {});
    assert_eq!(dispatch(silent("/").on("test", async || 1).on("test", async || 2)).as_deref(), Some("[1]"));
    assert_eq!(dispatch(silent("/").on("test", async |ack: Ack| ack.send(&3))).as_deref(), Some("[3]"));
    let failing = async || -> Result<i32, HandlerError> { Err(HandlerError::new("no")) };
    assert_eq!(
        dispatch(silent("/").on("test", failing).on("test", async || 2)).as_deref(),
        Some("[{\"error\":\"no\"}]")
    );
    let checking = async || -> Result<(), HandlerError> { Err(HandlerError::new("no")) };
    assert_eq!(
        dispatch(Namespace::new("/").on("test", checking).on("test", async || 2)).as_deref(),
        Some("[2]")
    );
}

#[test]
fn an_ack_that_its_handler_drops_is_nobody_elses() {
    let namespace = Namespace::new("/").on("test", async |_: Ack| {}).on("test", async || 2);
    assert_eq!(dispatch(namespace), None);
}

#[test]
fn where_no_handler_returns_a_value_the_first_says_that_it_has_finished() {
    assert_eq!(
        dispatch(Namespace::new("/").on("test", async || {}).on("test", async || {})).as_deref(),
        Some("[]")
    );
}

#[test]
fn a_reserved_event_name_fails_the_build_and_says_what_to_do() {
    for name in ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"] {
        let error = Namespace::new("chat").on(name, async || {}).define(&States::default()).unwrap_err();
        assert!(
            matches!(&error, BuildError::ReservedEvent { namespace, event } if namespace == "/chat" && event == name)
        );
    }
    let error = Namespace::new("/").on("disconnect", async || {}).define(&States::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "namespace /: no client can send \"disconnect\", the name is reserved: register with .on_disconnect(…)"
    );
}

#[test]
fn state_that_any_handler_lacks_fails_the_build_and_is_named() {
    #[derive(Clone)]
    struct Database;
    type Register = fn(Namespace) -> Namespace;
    let registrations: [Register; 7] = [
        |namespace| namespace.middleware(async |_: State<Database>| {}),
        |namespace| namespace.on_connect(async |_: State<Database>| {}),
        |namespace| namespace.on("a", async |_: State<Database>, Data(n): Data<i32>| n),
        |namespace| namespace.on_any(async |_: State<Database>| {}),
        |namespace| namespace.on_fallback(async |_: State<Database>| {}),
        |namespace| namespace.on_disconnecting(async |_: State<Database>| {}),
        |namespace| namespace.on_disconnect(async |_: State<Database>| {}),
    ];
    for register in registrations {
        let error = register(Namespace::new("/")).define(&States::default()).unwrap_err();
        assert!(
            error.to_string().contains("Database>, but the server was given none")
                && error.to_string().contains("/"),
            "{error}"
        );
        let mut states = States::default();
        states.insert(Database);
        assert!(register(Namespace::new("/")).define(&states).is_ok());
    }
}

#[test]
fn event_names_may_be_made_at_run_time() {
    let name = format!("room {}", 5);
    let definition = define(Namespace::new("/").on(name, async || {}));
    let shared = Arc::clone(&definition.routes);
    assert!(shared.events.contains_key("room 5"));
}

/// Calls the handlers of the event `test`, those of the namespace and those of the socket.
fn dispatch_own(namespace: Namespace, register: impl FnOnce(&Socket)) -> Option<String> {
    let definition = define(namespace);
    let call = Call::new();
    register(&call.socket);
    let own = call.socket.own_routes().event("test");
    for (handler, ack) in with_ack(definition.routes.events.get("test"), &own, Some(ACK)) {
        with_args("[]", |args| {
            let cx = Context::event_of(&call.socket, &call.states, "test", args, ack);
            handler.call(&cx).expect("extracted").now_or_never().expect("finished");
        });
    }
    call.answered()
}

#[test]
fn a_socket_answers_where_the_namespace_has_nothing_to_say() {
    let namespace = || Namespace::new("/");
    let silent = || namespace().on("test", async || {});
    assert_eq!(dispatch_own(namespace(), |_| {}), None);
    let finish = |socket: &Socket| {
        socket.on("test", async || {});
    };
    assert_eq!(dispatch_own(namespace(), finish).as_deref(), Some("[]"));
    assert_eq!(dispatch_own(silent(), finish).as_deref(), Some("[]"));
    let register = |socket: &Socket| {
        socket.on("test", async || {});
        socket.on("test", async || 1);
        socket.on("test", async || 2);
    };
    assert_eq!(dispatch_own(namespace(), register).as_deref(), Some("[1]"));
    assert_eq!(dispatch_own(silent(), register).as_deref(), Some("[1]"));
    assert_eq!(dispatch_own(silent().on("test", async || 0), register).as_deref(), Some("[0]"));
}

#[test]
fn a_socket_drops_the_handlers_of_an_event_and_all_at_its_end() {
    let socket = Call::new().socket;
    let held = Arc::new(());
    let hold = |_: &str| {
        let held = held.clone();
        move || {
            let held = held.clone();
            async move { drop(held) }
        }
    };
    socket.on("a", hold("a"));
    socket.on("b", hold("b"));
    assert_eq!((socket.own_routes().event("a").len(), Arc::strong_count(&held)), (1, 3));
    socket.off("a");
    socket.off("never added");
    assert_eq!((socket.own_routes().event("a").len(), Arc::strong_count(&held)), (0, 2));
    socket.on_disconnecting(async |_: DisconnectReason| {});
    socket.on_disconnect(async |_: Socket| {});
    socket.on_disconnect(async |_: Socket| {});
    assert_eq!(socket.own_routes().take_disconnecting().len(), 1);
    assert_eq!(socket.own_routes().take_disconnecting().len(), 0);
    assert_eq!(socket.own_routes().end().len(), 2);
    assert_eq!(socket.own_routes().end().len(), 0);
    assert_eq!(Arc::strong_count(&held), 1);
    socket.on("late", hold("late"));
    socket.off("late");
    assert!(socket.own_routes().event("late").is_empty());
    assert_eq!(Arc::strong_count(&held), 1);
}

#[test]
#[should_panic = "no client can send \"disconnect\""]
fn a_socket_refuses_reserved_names() {
    Call::new().socket.on("disconnect", async || {});
}

#[test]
#[should_panic = "u64>, but the server was given none"]
fn a_socket_refuses_handlers_whose_state_is_missing() {
    Call::new().socket.on("test", async |_: State<u64>| {});
}

/// Namespaces `/t-…` that go when they are empty.
fn tenants() -> Namespaces {
    let definition = define(Namespace::pattern("/t-*"));
    let (namespaces, made) =
        Namespaces::new(vec![definition], Arc::default(), true, None).expect("nothing is defined twice");
    assert!(made.is_empty());
    namespaces
}

/// The namespace of this name, and whether it is new.
fn find(namespaces: &Namespaces, name: &str) -> (Arc<NamespaceCore>, bool) {
    match namespaces.find(name) {
        Found::Namespace(made) => (made.namespace, made.new),
        Found::Ask(_) | Found::Nobody => panic!("{name} was not found"),
    }
}

#[test]
fn what_was_let_go_while_somebody_held_it_is_what_comes_back() {
    let namespaces = tenants();
    let (held, new) = find(&namespaces, "/t-1");
    assert!(new && held.is_listed());
    namespaces.left(&held);
    assert!(namespaces.get("/t-1").is_none() && !held.is_listed());
    let (again, new) = find(&namespaces, "/t-1");
    assert!(new && Arc::ptr_eq(&again, &held));
    namespaces.left(&held);
    let address = Arc::downgrade(&held);
    drop((held, again));
    assert!(address.upgrade().is_none(), "nobody holds it");
    assert!(find(&namespaces, "/t-1").1);
}

#[test]
fn who_was_on_the_way_in_when_the_namespace_went_brings_it_back() {
    let namespaces = tenants();
    let connection = Socket::unconnected("{}").connection().clone();
    let (namespace, _) = find(&namespaces, "/t-1");
    // Found by two: one was in and has left before the other is in.
    namespaces.left(&namespace);
    let socket = Socket::enter(&connection, &namespace, None);
    assert!(namespaces.entered(&namespace));
    assert!(!namespaces.entered(&namespace), "it is there");
    assert!(Arc::ptr_eq(&find(&namespaces, "/t-1").0, &namespace));
    namespaces.left(&namespace);
    assert!(namespaces.get("/t-1").is_some(), "somebody is in it");
    namespace.remove(&socket);
    namespaces.left(&namespace);
    assert!(namespaces.get("/t-1").is_none());
}

#[test]
fn what_was_removed_does_not_come_back_with_those_who_were_on_the_way_in() {
    let namespaces = tenants();
    let connection = Socket::unconnected("{}").connection().clone();
    let (namespace, _) = find(&namespaces, "/t-1");
    assert_eq!(namespaces.remove("/t-*").map(|sockets| sockets.len()), Some(0));
    let _socket = Socket::enter(&connection, &namespace, None);
    assert!(namespace.is_closed() && !namespaces.entered(&namespace));
    assert!(matches!(namespaces.find("/t-1"), Found::Nobody));
    assert!(namespaces.remove("/t-*").is_none());
}

#[test]
fn what_was_let_go_and_then_removed_does_not_come_back_either() {
    let namespaces = tenants();
    let connection = Socket::unconnected("{}").connection().clone();
    let (namespace, _) = find(&namespaces, "/t-1");
    // Found by two: one was in and has left before the other is in.
    namespaces.left(&namespace);
    assert_eq!(namespaces.remove("/t-*").map(|sockets| sockets.len()), Some(0));
    let _socket = Socket::enter(&connection, &namespace, None);
    assert!(!namespaces.entered(&namespace) && namespace.is_closed(), "who comes in is turned out");
    assert!(namespaces.names().is_empty() && namespaces.remembered() == 0);
}

#[test]
fn a_namespace_that_is_defined_takes_the_place_of_a_dynamic_one_that_was_let_go() {
    let namespaces = tenants();
    let (held, _) = find(&namespaces, "/t-1");
    namespaces.left(&held);
    assert!(namespaces.define(define(Namespace::new("/t-1"))).expect("there is none").is_some());
    assert!(held.is_closed(), "who is on the way into the old one is turned out");
    assert!(!Arc::ptr_eq(&find(&namespaces, "/t-1").0, &held));
    assert!(!namespaces.entered(&held));
}

#[test]
fn names_that_come_and_go_leave_nothing_behind() {
    let namespaces = tenants();
    for n in 0..5_000 {
        let (namespace, new) = find(&namespaces, &format!("/t-{n}"));
        assert!(new);
        namespaces.left(&namespace);
    }
    assert!(namespaces.names().is_empty());
    assert!(namespaces.remembered() <= 1_000, "{} names are remembered", namespaces.remembered());
}
