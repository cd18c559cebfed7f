"""The Python client with msgpack packets, which it writes by a library of its own."""

import asyncio
import os

import pytest
import socketio
from conftest import Testbed


@pytest.fixture(scope="module")
def packed():
    """Profile `app` with the msgpack parser."""
    bed = Testbed("app", "--parser", "msgpack")
    yield bed
    bed.kill()


@pytest.mark.parametrize("transports", [["polling"], ["websocket"], None], ids=["polling", "websocket", "upgrade"])
def test_a_conversation(packed, transports):
    async def converse():
        client = socketio.AsyncClient(serializer="msgpack")
        heard = asyncio.Queue()
        client.on("msg", lambda *args: heard.put_nowait(args))
        client.on("question", lambda question: question.upper())
        client.on("answer", lambda answer: heard.put_nowait(answer))
        await client.connect(packed.url, transports=transports, namespaces=["/", "/chat"])
        try:
            values = ({"a": b"\x01", "n": [1, -1, 2**40, -(2**40), 0.5, None, True]}, "é" * 300, list(range(70_000)))
            assert await client.call("echo", values) == values
            await client.call("join", "room")
            await client.call("room", ("room", 1, b"\x02"))
            assert await asyncio.wait_for(heard.get(), 5) == (1, b"\x02")
            await client.emit("ask-me", "why")
            assert await asyncio.wait_for(heard.get(), 5) == "WHY"
            assert await client.call("echo", 1, namespace="/chat") == 1
        finally:
            await client.disconnect()

    asyncio.run(converse())


@pytest.mark.skipif(os.environ.get("ENCHUFE_REFERENCE") == "1", reason="the official server falls short here")
def test_leaving_one_namespace_keeps_the_others(packed):
    async def leave():
        client = socketio.AsyncClient(serializer="msgpack")
        await client.connect(packed.url, transports=["websocket"], namespaces=["/", "/chat"])
        try:
            # Its DISCONNECT has `nil` for data, which the official server takes for an offence.
            await client._send_packet(client.packet_class(socketio.packet.DISCONNECT, namespace="/chat"))
            assert await client.call("echo", 1) == 1
        finally:
            await client.disconnect()

    asyncio.run(leave())


def test_a_refusal_has_its_data(packed):
    client = socketio.Client(serializer="msgpack")
    refused = []
    client.on("connect_error", refused.append, namespace="/protected")
    with pytest.raises(socketio.exceptions.ConnectionError):
        client.connect(packed.url, namespaces=["/protected"], auth={"token": "wrong"})
    client.disconnect()
    assert refused == [{"message": "unauthorized", "data": {"code": 401}}]
    client.connect(packed.url, namespaces=["/protected"], auth={"token": "secret"})
    assert client.call("echo", 1, namespace="/protected") == 1
    client.disconnect()
