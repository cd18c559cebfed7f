"""The Python client of the time of Socket.IO 2 against the testbed, on each way to travel."""

import pathlib
import queue
import sys

import pytest
import socketio

# Both clients install modules of the same names, so they have environments of their own, but share this.
sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "python"))
from conftest import Testbed  # noqa: E402

TRAVELS = {"polling": ["polling"], "websocket": ["websocket"], "upgrade": None}


@pytest.fixture(scope="module", name="bed")
def _bed():
    bed = Testbed("app", "--allow-eio3", "--ping-interval", "400", "--ping-timeout", "300")
    yield bed
    assert bed.stop() == 0


@pytest.fixture(params=TRAVELS, name="travel")
def _travel(request):
    return TRAVELS[request.param]


@pytest.fixture(name="connect")
def _connect(bed, travel):
    clients = []

    def connect(*namespaces):
        client = socketio.Client(reconnection_delay=0.05, reconnection_delay_max=0.2)
        clients.append(client)
        client.heard = queue.Queue()
        for namespace in namespaces:
            for event in ("welcome", "msg", "echo", "question", "answer", "connect_error"):
                hear(client, namespace, event)
        client.connect(bed.url, namespaces=list(namespaces), transports=travel)
        return client

    yield connect
    for client in clients:
        client.disconnect()


def hear(client, namespace, event):
    def note(*args):
        client.heard.put((namespace, event, list(args)))
        return args[0] if event == "question" else None

    client.on(event, note, namespace=namespace)


def heard(client, namespace, event):
    got = client.heard.get(timeout=5)
    assert got[:2] == (namespace, event), got
    return got[2]


def test_it_is_greeted_under_the_id_that_it_gave_itself(connect, travel):
    client = connect("/", "/chat")
    greeted = [client.heard.get(timeout=5) for _ in range(2)]
    ids = {namespace: args[0]["id"] for namespace, _, args in greeted}
    assert ids == {"/": client.sid, "/chat": f"/chat#{client.sid}"}
    whoami = client.call("whoami")
    assert (whoami["id"], whoami["protocol"]) == (client.sid, 3)
    if travel is not None:
        assert whoami["transport"] == travel[0]


def test_arguments_of_all_kinds_come_back(connect):
    client = connect("/")
    heard(client, "/", "welcome")
    args = ("ñ 😀", 1, -2.5, True, None, [1, {"a": []}], b"\x00\x01\xff", {"deep": [b"bytes", "text"]})
    assert client.call("echo", args) == args
    client.emit("echo", args)
    assert tuple(heard(client, "/", "echo")) == args


def test_the_server_asks_and_is_answered(connect):
    client = connect("/")
    heard(client, "/", "welcome")
    client.emit("ask-me", "how?")
    assert heard(client, "/", "question") == ["how?"]
    assert heard(client, "/", "answer") == ["how?"]


def test_rooms_reach_several_clients(connect):
    first, second = connect("/"), connect("/")
    for client in (first, second):
        heard(client, "/", "welcome")
        assert client.call("join", "old room") is None
    first.emit("others", ("old room", "hello", b"\x01"))
    assert heard(second, "/", "msg") == ["hello", b"\x01"]
    second.emit("room", ("old room", "all"))
    for client in (first, second):
        assert heard(client, "/", "msg") == ["all"]


def test_the_heartbeat_keeps_it_connected(connect):
    client = connect("/")
    heard(client, "/", "welcome")
    client.sleep(2)
    assert client.call("echo", "still here") == "still here"


def test_without_the_option_it_is_refused():
    bed = Testbed("app")
    try:
        client = socketio.Client(reconnection=False)
        with pytest.raises(socketio.exceptions.ConnectionError):
            client.connect(bed.url, transports=["polling"])
    finally:
        bed.kill()
