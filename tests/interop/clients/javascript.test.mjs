// The official JavaScript client against profile `app`: every event, each version, each way to travel; with the msgpack
// parser too.

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import parser from "socket.io-msgpack-parser";
import { ask, Clients, next, TRAVELS, VERSIONS } from "../lib/clients.mjs";
import { better, start } from "../lib/testbed.mjs";
import { sleep } from "../lib/util.mjs";

let bed, packed;
before(async () => ([bed, packed] = await Promise.all([start("app"), start("app", "--parser", "msgpack")])));
after(() => Promise.all([bed.kill(), packed.kill()]));

let nspCount = 0;
/** A namespace that no other test uses, so that its broadcasts reach only who should be reached. */
const fresh = () => `/tenant-${++nspCount}`;

for (const [version, io] of Object.entries(VERSIONS)) {
  for (const [travel, transports] of Object.entries(TRAVELS)) {
    describe(`socket.io-client ${version}, ${travel}`, () => {
      let clients;
      before(() => (clients = new Clients(bed, io, transports)));
      afterEach(() => clients.close());
      suite(() => clients, transports, version);
    });
  }
}

for (const [travel, transports] of Object.entries(TRAVELS)) {
  describe(`socket.io-client 4.8, msgpack, ${travel}`, () => {
    let clients;
    before(() => (clients = new Clients(packed, VERSIONS["4.8"], transports, { parser })));
    afterEach(() => clients.close());
    suite(() => clients, transports, "4.8");
  });
}

function suite(clients, transports, version) {
  const connect = (...args) => clients().connect(...args);
  const all = (...args) => clients().all(...args);
  /** What each socket hears as `msg` until everybody was asked something after it. */
  const heard = async (sockets, act) => {
    const messages = sockets.map(() => []);
    sockets.forEach((socket, i) => socket.on("msg", (...args) => messages[i].push(args)));
    await act();
    await Promise.all(sockets.map((socket) => ask(socket, "echo", 0)));
    return messages;
  };

  test("connects, and is welcomed under its own id", async () => {
    const socket = await connect();
    assert.equal(socket.connected, true);
    assert.deepEqual(socket.welcome, { id: socket.id, recovered: false });
    const [whoami] = await ask(socket, "whoami");
    const transport = transports.at(-1);
    assert.equal(whoami.id, socket.id);
    assert.deepEqual([whoami.nsp, whoami.transport, whoami.protocol], ["/", transport, 4]);
    assert.equal(whoami.recovered, false);
    assert.equal(socket.io.engine.transport.name, transport);
  });

  test("echo, answered and emitted", async () => {
    const socket = await connect();
    const values = [1, -2.5, "text", "日本語 😀", null, true, [], {}, { deep: [{ er: [1, "2"] }] }];
    assert.deepEqual(await ask(socket, "echo", ...values), values);
    assert.deepEqual(await ask(socket, "echo"), []);
    const emitted = next(socket, "echo");
    socket.emit("echo", ...values);
    assert.deepEqual(await emitted, values);
  });

  test("what is emitted before the connection stands is answered, and at the instant that it does", async () => {
    const sockets = Array.from({ length: 40 }, () => clients().make());
    const early = sockets.map((socket, i) => ask(socket, "echo", i));
    const instant = sockets.map(
      (socket, i) => new Promise((resolve) => socket.on("connect", () => resolve(ask(socket, "echo", 1000 + i)))),
    );
    assert.deepEqual((await Promise.all(early)).flat(), sockets.map((_, i) => i));
    assert.deepEqual((await Promise.all(instant)).flat(), sockets.map((_, i) => 1000 + i));
  });

  test("bytes anywhere in a value, both ways", async () => {
    const socket = await connect();
    const value = {
      a: Buffer.from([1, 2, 3]),
      b: [new Uint8Array([4, 5]), { c: new Uint8Array([6]).buffer }],
      empty: Buffer.alloc(0),
      text: "between",
    };
    const same = ([first, second]) => {
      assert.deepEqual([...first.a], [1, 2, 3]);
      assert.deepEqual([...first.b[0]], [4, 5]);
      assert.deepEqual([...new Uint8Array(first.b[1].c)], [6]);
      assert.equal(first.empty.length, 0);
      assert.equal(first.text, "between");
      assert.deepEqual([...second], [7]);
    };
    same(await ask(socket, "echo", value, Buffer.from([7])));
    const emitted = next(socket, "echo");
    socket.emit("echo", value, Buffer.from([7]));
    same(await emitted);
  });

  test("a large message, text and bytes", async () => {
    const socket = await connect();
    const text = "0123456789".repeat(50_000);
    assert.equal((await ask(socket, "echo", text))[0], text);
    const bytes = Buffer.alloc(400_000, 7);
    assert.ok((await ask(socket, "echo", bytes))[0].equals(bytes));
  });

  test("later events are handled while an earlier one waits", async () => {
    const socket = await connect();
    const order = [];
    await Promise.all([
      ask(socket, "sleep", 150, "slow").then(([value]) => order.push(value)),
      ask(socket, "sleep", 0, "fast").then(([value]) => order.push(value)),
      ask(socket, "echo", "now").then(([value]) => order.push(value)),
    ]);
    assert.equal(order.at(-1), "slow");
  });

  test("rooms: joining, leaving, one or several", async () => {
    const socket = await connect();
    assert.deepEqual(await ask(socket, "rooms"), [[socket.id]]);
    assert.deepEqual(await ask(socket, "join", "b"), []);
    await ask(socket, "join", ["a", "c"]);
    assert.deepEqual(await ask(socket, "rooms"), [["a", "b", "c", socket.id].sort()]);
    assert.deepEqual(await ask(socket, "leave", "b"), []);
    assert.deepEqual(await ask(socket, "rooms"), [["a", "c", socket.id].sort()]);
  });

  test("to a room, to the others in it, to all, to all others, except a room", async () => {
    const [a, b, c] = await all(3, fresh());
    await ask(a, "join", "red");
    await ask(b, "join", "red");
    const sockets = [a, b, c];
    const bytes = Buffer.from([1, 2]);
    const messages = await heard(sockets, async () => {
      await ask(a, "room", "red", "to red", { bytes });
      await ask(a, "others", "red", "to others in red");
      await ask(c, "room", c.id, "to c by its id");
      await ask(a, "broadcast", "to all", bytes);
      await ask(a, "broadcast-others", "to all others");
      await ask(a, "except", "red", "to all but red");
      await ask(a, "local", "to all here");
      await ask(a, "room", "nobody", "to nobody");
    });
    const names = messages.map((list) => list.map(([name]) => name));
    assert.deepEqual(names[0], ["to red", "to all", "to all here"]);
    assert.deepEqual(names[1], ["to red", "to others in red", "to all", "to all others", "to all here"]);
    assert.deepEqual(names[2], ["to c by its id", "to all", "to all others", "to all but red", "to all here"]);
    for (const list of messages) {
      for (const [name, value] of list) {
        if (name === "to all") assert.deepEqual([...value], [1, 2]);
        if (name === "to red") assert.deepEqual([...value.bytes], [1, 2]);
      }
    }
  });

  test("namespaces keep their rooms and broadcasts apart", async () => {
    const [one, two] = [fresh(), fresh()];
    const [a, b] = [await connect(one), await connect(two)];
    await ask(a, "join", "same");
    await ask(b, "join", "same");
    const messages = await heard([a, b], async () => {
      await ask(a, "room", "same", 1);
      await ask(a, "broadcast", 2);
    });
    assert.deepEqual(messages, [[[1], [2]], []]);
  });

  test("several namespaces over one connection", async () => {
    const main = await connect();
    const chat = main.io.socket("/chat");
    await next(chat, "connect");
    const tenant = main.io.socket(fresh());
    await next(tenant, "connect");
    assert.equal(new Set([main.id, chat.id, tenant.id]).size, 3);
    assert.equal((await ask(chat, "whoami"))[0].nsp, "/chat");
    assert.equal((await ask(tenant, "whoami"))[0].nsp, tenant.nsp);
    chat.disconnect();
    assert.deepEqual(await ask(main, "echo", 1), [1]);
    assert.deepEqual(await ask(tenant, "echo", 2), [2]);
    chat.connect();
    await next(chat, "connect");
    assert.deepEqual(await ask(chat, "echo", 3), [3]);
  });

  test("clients that ask for a new name at the same time meet there", async () => {
    const name = fresh();
    const sockets = await Promise.all(Array.from({ length: 5 }, () => connect(name)));
    const messages = await heard(sockets, () => ask(sockets[0], "broadcast", "all"));
    assert.deepEqual(messages, sockets.map(() => [["all"]]));
  });

  test("a name that is only like a dynamic one", async () => {
    for (const name of ["/tenant-", "/tenant-1x", "/tenant-1/chat", "/my/tenant-1"]) {
      const [error] = await next(clients().make(name), "connect_error");
      assert.equal(error.message, "Invalid namespace", name);
    }
  });

  test("a namespace that does not exist", async () => {
    const socket = clients().make("/nowhere");
    const [error] = await next(socket, "connect_error");
    assert.equal(error.message, "Invalid namespace");
    assert.equal(socket.connected, false);
  });

  test("a refusal with data, then the right token", async () => {
    const socket = clients().make("/protected", { auth: { token: "wrong" } });
    const [error] = await next(socket, "connect_error");
    assert.ok(error instanceof Error);
    assert.equal(error.message, "unauthorized");
    assert.deepEqual(error.data, { code: 401 });
    // 3.1 and 4.0 do not say so yet.
    if (!["3.1", "4.0"].includes(version)) assert.equal(socket.active, false);
    socket.auth = (answer) => answer({ token: "secret", more: [1] });
    socket.connect();
    await next(socket, "connect");
    const [handshake] = await ask(socket, "handshake");
    assert.deepEqual(handshake.auth, { token: "secret", more: [1] });
  });

  test("the server asks, the client answers", async () => {
    const socket = await connect();
    socket.on("question", (question, answer) => answer({ to: question, bytes: Buffer.from([9]) }));
    const answered = next(socket, "answer");
    socket.emit("ask-me", "why");
    const [answer] = await answered;
    assert.equal(answer.to, "why");
    assert.deepEqual([...answer.bytes], [9]);
  });

  test("everybody is asked, and all answer", async () => {
    const sockets = await all(4, fresh());
    sockets.forEach((socket, i) => socket.on("question", (question, answer) => answer([question, i])));
    const [{ timedOut, responses }] = await ask(sockets[0], "ask-all", "who", 3000);
    assert.equal(timedOut, false);
    assert.deepEqual(
      responses.map(([, i]) => i).sort(),
      [0, 1, 2, 3],
    );
  });

  test("everybody is asked, and some stay silent", async () => {
    const sockets = await all(3, fresh());
    sockets.slice(0, 2).forEach((socket, i) => socket.on("question", (_, answer) => answer(i)));
    const asked = Date.now();
    const [{ timedOut, responses }] = await ask(sockets[0], "ask-all", "who", 200);
    assert.ok(Date.now() - asked >= 190);
    assert.equal(timedOut, true);
    assert.deepEqual(responses.sort(), [0, 1]);
  });

  test("an answer that comes too late is forgotten", async () => {
    const socket = await connect(fresh());
    const answers = [];
    socket.on("question", (_, answer) => answers.push(answer));
    assert.deepEqual(await ask(socket, "ask-all", "who", 50), [{ timedOut: true, responses: [] }]);
    answers[0]("late");
    assert.deepEqual(await ask(socket, "echo", 1), [1]);
  });

  test("reliable floods arrive whole and in order", async () => {
    const socket = await connect();
    const ticks = [];
    socket.on("tick", (i, text) => ticks.push([i, text.length]));
    const ticked = next(socket, "ticked", 20_000);
    socket.emit("flood", 500, 200);
    assert.deepEqual(await ticked, [500]);
    assert.deepEqual(ticks, Array.from({ length: 500 }, (_, i) => [i, 200]));
  });

  test("volatile ones may be dropped, never reordered, and the reliable one comes", async () => {
    const socket = await connect();
    const ticks = [];
    socket.on("tick", (i) => ticks.push(i));
    const ticked = next(socket, "ticked");
    socket.emit("volatile", 200, 100);
    assert.deepEqual(await ticked, [200]);
    assert.ok(ticks.length <= 200);
    assert.deepEqual(ticks, [...ticks].sort((a, b) => a - b));
  });

  test("an unknown event", async () => {
    const socket = await connect();
    const unknown = next(socket, "unknown");
    let acked = false;
    socket.emit("no such event", 1, 2, () => (acked = true));
    assert.deepEqual(await unknown, ["no such event", 2]);
    await ask(socket, "echo");
    assert.equal(acked, false);
  });

  test("send is the event message", async () => {
    const socket = await connect();
    const unknown = next(socket, "unknown");
    socket.send("hello", "world");
    assert.deepEqual(await unknown, ["message", 2]);
  });

  better("a handler that panics ends nothing but itself", async () => {
    const socket = await connect();
    let acked = false;
    socket.emit("panic", () => (acked = true));
    assert.deepEqual(await ask(socket, "echo", 1), [1]);
    await sleep(50);
    assert.equal(acked, false);
    assert.equal(socket.connected, true);
  });

  test("kicked: no way back by itself", async () => {
    for (const close of [false, true]) {
      const nsp = fresh();
      const [watcher, socket] = await all(2, nsp);
      const left = next(watcher, "left");
      const disconnected = next(socket, "disconnect");
      socket.emit("kick", close);
      assert.equal((await disconnected)[0], "io server disconnect");
      assert.equal(socket.active, false);
      assert.deepEqual(await left, [socket.welcome.id, "server namespace disconnect"]);
    }
  });

  test("leaving by itself", async () => {
    const [watcher, socket] = await all(2, fresh());
    const left = next(watcher, "left");
    const disconnected = next(socket, "disconnect");
    const { id } = socket;
    socket.disconnect();
    assert.equal((await disconnected)[0], "io client disconnect");
    const [gone, reason] = await left;
    assert.equal(gone, id);
    assert.ok(["client namespace disconnect", "transport close"].includes(reason), reason);
  });

  test("a broken connection: back under a new id, and what was emitted meanwhile arrives", async () => {
    const [watcher, socket] = await all(2, fresh());
    const before = socket.id;
    const left = next(watcher, "left");
    const disconnected = next(socket, "disconnect");
    socket.io.engine.close();
    const [reason] = await disconnected;
    assert.ok(["transport close", "forced close"].includes(reason), reason);
    const answered = ask(socket, "echo", "buffered");
    await next(socket, "connect");
    assert.notEqual(socket.id, before);
    assert.deepEqual(await answered, ["buffered"]);
    assert.deepEqual(await left, [before, "transport close"]);
  });

  test("the handshake", async () => {
    const socket = await connect("/", { query: { color: "red" }, extraHeaders: { "x-custom": "yes" } });
    const [handshake] = await ask(socket, "handshake");
    assert.equal(handshake.query.color, "red");
    assert.equal(handshake.headers["x-custom"], "yes");
    assert.equal(handshake.query.transport, transports[0]);
  });

  test("stats count what is there", async () => {
    const nsp = fresh();
    const [a, b] = await all(2, nsp);
    await ask(b, "join", "one more");
    const [stats] = await ask(a, "stats");
    assert.equal(stats.rooms, 3);
    assert.ok(stats.clients >= 2);
    assert.ok(stats.namespaces >= 4);
    assert.ok(stats.uptimeMs >= 0);
  });

  test("a server alone asks nobody else, and knows it at once", async () => {
    for (const nsp of [fresh(), "/"]) {
      const [socket] = await all(1, nsp);
      const before = Date.now();
      assert.deepEqual(await ask(socket, "server-side", "anything", 1), [[]]);
      assert.ok(Date.now() - before < 2_000);
    }
  });

  test("the sockets of a room, told and moved", async () => {
    const [a, b, c] = await all(3, fresh());
    await ask(a, "join", "x");
    await ask(b, "join", "x");
    await ask(a, "set-data", { name: "Ada" });
    const [inRoom] = await ask(c, "fetch-sockets", "x");
    assert.deepEqual(inRoom.map(({ id }) => id).sort(), [a.id, b.id].sort());
    const told = inRoom.find(({ id }) => id === a.id);
    assert.deepEqual(told.data, { name: "Ada" });
    assert.deepEqual([...told.rooms].sort(), ["x", a.id].sort());
    assert.equal(typeof told.handshake.headers, "object");
    assert.equal((await ask(c, "fetch-sockets", null))[0].length, 3);
    await ask(c, "sockets-join", "x", "y");
    assert.deepEqual(await ask(a, "rooms"), [["x", "y", a.id].sort()]);
    await ask(c, "sockets-leave", "y", "x");
    assert.deepEqual(await ask(b, "rooms"), [["y", b.id].sort()]);
    const gone = [next(a, "disconnect"), next(b, "disconnect")];
    c.emit("disconnect-sockets", "y", true);
    for (const [reason] of await Promise.all(gone)) assert.equal(reason, "io server disconnect");
    assert.equal(c.connected, true);
  });
}
