"""The asyncio form of the Python client against the testbed."""

import asyncio

import pytest
import socketio


@pytest.mark.parametrize("transports", [["polling"], ["websocket"], None], ids=["polling", "websocket", "upgrade"])
def test_a_conversation(app, transports):
    async def converse():
        client = socketio.AsyncClient()
        heard = asyncio.Queue()
        client.on("welcome", lambda value: heard.put_nowait(value))
        client.on("msg", lambda *args: heard.put_nowait(args))
        client.on("question", lambda question: question.upper(), namespace="/tenant-9999")
        client.on("answer", lambda answer: heard.put_nowait(answer), namespace="/tenant-9999")
        await client.connect(app.url, transports=transports, namespaces=["/", "/tenant-9999"])
        try:
            welcome = await asyncio.wait_for(heard.get(), 5)
            assert welcome["id"] == client.get_sid("/")
            assert await client.call("echo", ({"a": b"\x01"}, 2)) == ({"a": b"\x01"}, 2)
            await client.call("join", "room")
            await client.call("room", ("room", 1, b"\x02"))
            assert await asyncio.wait_for(heard.get(), 5) == (1, b"\x02")
            await client.emit("ask-me", "why", namespace="/tenant-9999")
            assert await asyncio.wait_for(heard.get(), 5) == "WHY"
            answers = await asyncio.gather(*(client.call("echo", i) for i in range(200)))
            assert answers == list(range(200))
        finally:
            await client.disconnect()

    asyncio.run(converse())


def test_many_clients_at_once(app):
    async def one(index):
        client = socketio.AsyncClient()
        await client.connect(app.url, transports=["websocket"], namespaces=["/chat"])
        try:
            return await client.call("echo", index, namespace="/chat")
        finally:
            await client.disconnect()

    async def all_of_them():
        return await asyncio.gather(*(one(index) for index in range(50)))

    assert asyncio.run(all_of_them()) == list(range(50))
