// The profile `engine-client`, and real Engine.IO clients, oldest and newest of protocol 4, against it.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import engine4 from "engine.io-client-4";
import * as engine6 from "engine.io-client-6";
import { exchange, Polling, request } from "../lib/http.mjs";
import { start } from "../lib/testbed.mjs";
import { Inbox, within } from "../lib/util.mjs";
import { RawWebSocket, upgradeRequest } from "../lib/websocket.mjs";

const PATH = "/engine.io/";
const CLIENTS = { 4: engine4.Socket, 6: engine6.Socket };
const TRAVELS = {
  "polling only": ["polling"],
  "WebSocket only": ["websocket"],
  upgrade: ["polling", "websocket"],
};

let bed;
before(async () => (bed = await start("engine-client")));
after(() => bed.kill());

/** A client, and what it receives. */
function connect(Socket, transports, options = {}) {
  const socket = new Socket(bed.url.replace("http", "ws"), { transports, ...options });
  const inbox = new Inbox();
  socket.on("message", (data) => inbox.push(data));
  const opened = new Promise((resolve, reject) => {
    socket.on("open", resolve);
    socket.on("error", reject);
  });
  const upgraded = new Promise((resolve) => socket.on("upgrade", resolve));
  const closed = new Promise((resolve) => {
    // Read at once: the request forgets it.
    const context = (why) => ({ status: why?.context?.status, text: why?.context?.responseText });
    socket.on("close", (reason, why) => resolve([reason, context(why)]));
  });
  return { socket, inbox, opened: within(opened, 5000, "open"), upgraded, closed };
}

for (const [version, Socket] of Object.entries(CLIENTS)) {
  for (const [name, transports] of Object.entries(TRAVELS)) {
    describe(`engine.io-client ${version}, ${name}`, () => {
      test("is greeted, and gets back what it sends", async () => {
        const { socket, inbox, opened, upgraded } = connect(Socket, transports);
        await opened;
        assert.equal(await inbox.next(), "hi");
        if (transports.length > 1) {
          await within(upgraded, 5000, "the upgrade");
          assert.equal(socket.transport.name, "websocket");
        }
        for (const text of ["hello", "€ 😀", "x".repeat(90)]) {
          socket.send(text);
          assert.equal(await inbox.next(), text);
        }
        socket.send(Buffer.from([1, 2, 255]));
        assert.deepEqual([...new Uint8Array(await inbox.next())], [1, 2, 255]);
        socket.send("give binary");
        assert.deepEqual([...new Uint8Array(await inbox.next())], [0, 1, 2, 3, 4]);
        socket.send("give utf8");
        assert.equal(await inbox.next(), "пойду спать всем спокойной ночи");
        socket.close();
      });

      test("lives through heartbeats", async () => {
        const { socket, inbox, opened } = connect(Socket, transports);
        await opened;
        assert.equal(await inbox.next(), "hi");
        await within(
          new Promise((resolve) => {
            let seen = 0;
            socket.on("packet", ({ type }) => type === "ping" && ++seen === 3 && resolve());
          }),
          5000,
          "three pings",
        );
        socket.send("still here");
        assert.equal(await inbox.next(), "still here");
        socket.close();
      });

      test("is refused where it says `deny`", async () => {
        const { opened, socket } = connect(Socket, transports, { query: { deny: "1" } });
        await assert.rejects(opened);
        socket.close();
      });

      test("is closed where it sends more than may be", async () => {
        const { socket, inbox, opened, closed } = connect(Socket, transports.slice(-1));
        await opened;
        assert.equal(await inbox.next(), "hi");
        socket.send("x".repeat(200));
        const [reason] = await within(closed, 5000, "the end");
        assert.match(reason, transports.at(-1) === "websocket" ? /transport (close|error)/ : /transport error/);
      });
    });
  }
}

describe("the profile engine-client", () => {
  const handshake = `${PATH}?EIO=4&transport=polling`;
  const COOKIES = [
    /^1=1; Max-Age=86400$/,
    /^2=2; (?=.*SameSite=Strict)(?=.*Path=\/)(?=.*HttpOnly)(?=.*Secure)/,
    /^3=3; Max-Age=0$/,
    /^4=4; Expires=.+ GMT$/,
  ];

  test("sets its cookies with the first answer, and no other", async () => {
    const { headers } = await request(bed.port, "GET", handshake);
    assert.equal(headers["set-cookie"].length, COOKIES.length);
    COOKIES.forEach((expected, i) => assert.match(headers["set-cookie"][i], expected));
    const session = await Polling.open(bed.port, { path: PATH });
    assert.equal((await session.get()).headers["set-cookie"], undefined);
    assert.equal((await session.post("4x")).headers["set-cookie"], undefined);
    const socket = await RawWebSocket.open(bed.port, `${PATH}?EIO=4&transport=websocket`);
    assert.match(socket.head, /set-cookie: 1=1; Max-Age=86400/i);
    socket.destroy();
  });

  test("refuses `deny` with the official code", async () => {
    const { status, body } = await request(bed.port, "GET", `${handshake}&deny`);
    assert.deepEqual([status, JSON.parse(body)], [403, { code: 4, message: "Forbidden" }]);
    const { text } = upgradeRequest(bed.port, `${PATH}?EIO=4&transport=websocket&deny=1`);
    const answer = await exchange(bed.port, text);
    assert.match(answer.text, /^HTTP\/1\.1 400 /);
    assert.match(answer.text, /\r\n\r\nForbidden$/);
  });

  test("tells the headers of the request that carried the question", async () => {
    const session = await Polling.open(bed.port, { path: PATH });
    assert.deepEqual(await session.receive(1), ["4hi"]);
    for (const value of ["one", "two"]) {
      const { body } = await session.post("4sendHeaders", { headers: { "x-asked": value } });
      assert.equal(body, "ok");
      const [answer] = await session.receive(1);
      assert.equal(JSON.parse(answer.slice(1))["x-asked"], value);
    }
  });

  test("takes a hundred bytes and no more", async () => {
    const session = await Polling.open(bed.port, { path: PATH });
    assert.equal(session.handshake.maxPayload, 100);
    assert.equal((await session.post(`4${"x".repeat(99)}`)).status, 200);
    assert.equal((await session.post(`4${"x".repeat(100)}`)).status, 413);
  });

  test("client 6 keeps cookies between its requests where it is told to", async () => {
    for (const withCredentials of [true, false]) {
      const { socket, inbox, opened } = connect(CLIENTS[6], ["polling"], { withCredentials });
      await opened;
      assert.equal(await inbox.next(), "hi");
      socket.send("sendHeaders");
      const { cookie } = JSON.parse(await inbox.next());
      assert.equal(cookie, withCredentials ? "1=1; 2=2" : undefined);
      socket.close();
    }
  });

  test("client 6 is told what went wrong", async () => {
    const { opened, closed } = connect(CLIENTS[6], ["polling"], { query: { sid: "unknown" } });
    await assert.rejects(opened);
    const [reason, why] = await within(closed, 5000, "the end");
    assert.equal(reason, "transport error");
    assert.equal(why.status, 400);
    assert.deepEqual(JSON.parse(why.text), { code: 1, message: "Session ID unknown" });
    const denied = connect(CLIENTS[6], ["polling"], { query: { deny: "1" } });
    const error = new Promise((resolve) => {
      denied.socket.on("error", ({ message, description, context }) => {
        resolve([message, description, JSON.parse(context.responseText)]);
      });
    });
    const answer = { code: 4, message: "Forbidden" };
    await assert.rejects(denied.opened);
    assert.deepEqual(await error, ["xhr poll error", 403, answer]);
  });
});
