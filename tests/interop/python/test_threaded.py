"""The threaded Python client against the testbed, on each way to travel."""

import itertools
import queue

import pytest
import socketio

from conftest import Testbed

TRAVELS = {"polling": ["polling"], "websocket": ["websocket"], "upgrade": None}
FRESH = (f"/tenant-{n}" for n in itertools.count(10_000))


@pytest.fixture(params=TRAVELS, name="travel")
def _travel(request):
    return TRAVELS[request.param]


@pytest.fixture(name="connect")
def _connect(app, travel):
    """Makes clients that are connected to namespaces and greeted; ends them afterwards."""
    clients = []

    def connect(*namespaces, auth=None, **options):
        client = socketio.Client(reconnection_delay=0.05, reconnection_delay_max=0.2, **options)
        clients.append(client)
        client.heard = queue.Queue()
        for namespace in namespaces:
            for event in ("welcome", "msg", "echo", "left", "unknown", "answer", "tick", "ticked"):
                hear(client, namespace, event)
        client.connect(app.url, namespaces=list(namespaces), transports=travel, auth=auth)
        for namespace in namespaces:
            nsp, event, args = client.heard.get(timeout=5)
            assert event == "welcome"
            assert args[0]["recovered"] is False
            assert client.get_sid(nsp) == args[0]["id"]
        return client

    yield connect
    for client in clients:
        client.disconnect()


def hear(client, namespace, event):
    client.on(event, lambda *args: client.heard.put((namespace, event, list(args))), namespace=namespace)


def heard(client, event):
    """The arguments of the next event, which must be this one; others leaving is passed over."""
    while True:
        _, name, args = client.heard.get(timeout=5)
        if name == event:
            return args
        assert name == "left", name


def test_travels_as_it_was_told(connect, travel):
    client = connect("/")
    whoami = client.call("whoami")
    assert whoami["protocol"] == 4
    assert whoami["transport"] == (travel or ["websocket"])[0]
    assert client.transport() == (travel or ["websocket"])[0]


def test_echo_answered_and_emitted(connect):
    client = connect("/")
    values = (1, -2.5, "日本語 😀", None, True, [], {}, {"deep": [{"er": [1, "2"]}]})
    assert client.call("echo", values) == values
    client.emit("echo", values)
    assert tuple(heard(client, "echo")) == values


def test_bytes_both_ways(connect):
    client = connect("/")
    value = {"a": b"\x01\x02", "b": [b"", "text", {"c": b"\xff" * 70_000}]}
    assert client.call("echo", value) == value
    client.emit("echo", value)
    assert heard(client, "echo") == [value]


def test_a_large_message(connect):
    client = connect("/")
    text = "0123456789" * 50_000
    assert client.call("echo", text) == text


def test_rooms_and_broadcasts(connect):
    nsp = next(FRESH)
    a, b, c = (connect(nsp) for _ in range(3))
    a.call("join", "red", namespace=nsp)
    b.call("join", ["red", "blue"], namespace=nsp)
    assert b.call("rooms", namespace=nsp) == sorted(["red", "blue", b.get_sid(nsp)])
    a.call("room", ("red", "to red"), namespace=nsp)
    a.call("others", ("red", "to others in red"), namespace=nsp)
    a.call("broadcast", b"to all", namespace=nsp)
    a.call("broadcast-others", "to all others", namespace=nsp)
    a.call("except", ("red", "to all but red"), namespace=nsp)
    assert [heard(a, "msg") for _ in range(2)] == [["to red"], [b"to all"]]
    wanted = [["to red"], ["to others in red"], [b"to all"], ["to all others"]]
    assert [heard(b, "msg") for _ in range(4)] == wanted
    assert [heard(c, "msg") for _ in range(3)] == [[b"to all"], ["to all others"], ["to all but red"]]
    b.call("leave", "red", namespace=nsp)
    assert b.call("rooms", namespace=nsp) == sorted(["blue", b.get_sid(nsp)])


def test_the_server_asks(connect):
    client = connect("/")
    client.on("question", lambda question: {"to": question})
    client.emit("ask-me", "why")
    assert heard(client, "answer") == [{"to": "why"}]


def test_everybody_is_asked(connect):
    nsp = next(FRESH)
    clients = [connect(nsp) for _ in range(3)]
    for index, client in enumerate(clients):
        client.on("question", lambda _, index=index: index, namespace=nsp)
    reply = clients[0].call("ask-all", ("who", 3000), namespace=nsp)
    assert reply["timedOut"] is False
    assert sorted(reply["responses"]) == [0, 1, 2]


def test_several_namespaces_of_one_connection(connect):
    nsp = next(FRESH)
    client = connect("/", "/chat", nsp)
    for name in ("/", "/chat", nsp):
        assert client.call("whoami", namespace=name)["nsp"] == name


def refusal(app, travel, namespace, auth):
    """What a client is told that is not let into a namespace."""
    client = socketio.Client(reconnection=False)
    errors = queue.Queue()
    client.on("connect_error", errors.put, namespace=namespace)
    with pytest.raises(socketio.exceptions.ConnectionError):
        client.connect(app.url, namespaces=[namespace], transports=travel, auth=auth)
    client.disconnect()
    return errors.get(timeout=5)


def test_a_refusal_and_the_right_token(app, travel, connect):
    told = refusal(app, travel, "/protected", {"token": "wrong"})
    assert told == {"message": "unauthorized", "data": {"code": 401}}
    client = connect("/protected", auth={"token": "secret"})
    assert client.call("handshake", namespace="/protected")["auth"] == {"token": "secret"}


def test_a_namespace_that_does_not_exist(app, travel):
    assert refusal(app, travel, "/nowhere", None) == {"message": "Invalid namespace"}


def test_an_unknown_event(connect):
    client = connect("/")
    client.emit("no such event", (1, 2))
    assert heard(client, "unknown") == ["no such event", 2]


def test_a_flood_arrives_whole_and_in_order(connect):
    client = connect("/")
    client.emit("flood", (300, 100))
    for index in range(300):
        assert heard(client, "tick") == [index, "x" * 100]
    assert heard(client, "ticked") == [300]


def test_kicked(connect):
    nsp = next(FRESH)
    watcher, client = connect(nsp), connect(nsp)
    sid = client.get_sid(nsp)
    client.emit("kick", True, namespace=nsp)
    while (left := watcher.heard.get(timeout=5))[1] != "left":
        pass
    assert left[2] == [sid, "server namespace disconnect"]


def test_a_server_that_comes_back(travel):
    bed = Testbed("app")
    client = socketio.Client(reconnection_delay=0.05, reconnection_delay_max=0.2)
    connects = queue.Queue()
    client.on("connect", lambda: connects.put(client.get_sid("/")))
    try:
        client.connect(bed.url, transports=travel, wait_timeout=5)
        first = connects.get(timeout=5)
        bed.kill()
        bed = Testbed("app", port=bed.port)
        assert connects.get(timeout=20) != first
        assert client.call("echo", 1) == 1
    finally:
        client.disconnect()
        bed.kill()


def test_profile_protocol(protocol, travel):
    client = socketio.Client()
    got = queue.Queue()
    for event in ("auth", "message-back"):
        client.on(event, lambda *args, event=event: got.put((event, list(args))))
    client.connect(protocol.url, auth={"a": 1}, transports=travel)
    try:
        assert got.get(timeout=5) == ("auth", [{"a": 1}])
        client.emit("message", (1, b"2", {"3": [True]}))
        assert got.get(timeout=5) == ("message-back", [1, b"2", {"3": [True]}])
        assert client.call("message-with-ack", (1, b"2")) == (1, b"2")
    finally:
        client.disconnect()
