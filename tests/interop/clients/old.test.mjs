// The official JavaScript client of the line 2.x, which speaks Engine.IO 3, against profile `app` that allows it:
// alone, and together with clients of today.

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { ask, Clients, next, OLD_VERSIONS, TRAVELS, VERSIONS } from "../lib/clients.mjs";
import { better, launch, start } from "../lib/testbed.mjs";
import { sleep, until } from "../lib/util.mjs";

let bed;
before(async () => (bed = await start("app", "--allow-eio3")));
after(() => bed.kill());

let nspCount = 0;
const fresh = () => `/tenant-${++nspCount}`;

const WAYS = {
  ...Object.fromEntries(Object.entries(TRAVELS).map(([name, transports]) => [name, { transports }])),
  "polling in base64": { transports: ["polling"], forceBase64: true },
  "WebSocket in base64": { transports: ["websocket"], forceBase64: true },
};

for (const [version, io] of Object.entries(OLD_VERSIONS)) {
  for (const [name, { transports, ...options }] of Object.entries(WAYS)) {
    describe(`socket.io-client ${version}, ${name}`, () => {
      let clients;
      let newer;
      before(() => {
        clients = new Clients(bed, (url, more) => io(url, { ...options, ...more }), transports);
        newer = new Clients(bed, VERSIONS["4.8"], transports);
      });
      afterEach(() => {
        clients.close();
        newer.close();
      });
      suite(() => clients, () => newer, transports);
    });
  }
}

function suite(clients, newer, transports) {
  const connect = (...args) => clients().connect(...args);

  test("connects, and both sides know it by the same id", async () => {
    const socket = await connect();
    assert.deepEqual(socket.welcome, { id: socket.id, recovered: false });
    assert.equal(socket.id, socket.io.engine.id);
    const [whoami] = await ask(socket, "whoami");
    assert.equal(whoami.id, socket.id);
    assert.deepEqual([whoami.nsp, whoami.transport, whoami.protocol], ["/", transports.at(-1), 3]);
    assert.deepEqual(await ask(socket, "rooms"), [[socket.id]]);
  });

  test("echo, answered and emitted", async () => {
    const socket = await connect();
    const values = [1, -2.5, "text", "日本語 😀 é \u2028", null, true, [], {}, { deep: [{ er: [1, "2"] }] }];
    assert.deepEqual(await ask(socket, "echo", ...values), values);
    const emitted = next(socket, "echo");
    socket.emit("echo", ...values);
    assert.deepEqual(await emitted, values);
  });

  test("what is emitted before the connection stands is answered", async () => {
    const sockets = Array.from({ length: 10 }, () => clients().make());
    const early = sockets.map((socket, i) => ask(socket, "echo", i));
    assert.deepEqual((await Promise.all(early)).flat(), sockets.map((_, i) => i));
  });

  test("bytes anywhere in a value, both ways", async () => {
    const socket = await connect();
    const value = { a: Buffer.from([1, 2, 3]), b: [Buffer.from([4, 5])], empty: Buffer.alloc(0), text: "é😀" };
    const same = ([first, second]) => {
      assert.deepEqual([...first.a], [1, 2, 3]);
      assert.deepEqual([...first.b[0]], [4, 5]);
      assert.equal(first.empty.length, 0);
      assert.equal(first.text, "é😀");
      assert.deepEqual([...second], [7]);
    };
    same(await ask(socket, "echo", value, Buffer.from([7])));
    const emitted = next(socket, "echo");
    socket.emit("echo", value, Buffer.from([7]));
    same(await emitted);
  });

  test("a large message, text and bytes", async () => {
    const socket = await connect();
    const text = "0123456789é".repeat(30_000);
    assert.equal((await ask(socket, "echo", text))[0], text);
    const bytes = Buffer.alloc(400_000, 7);
    assert.ok((await ask(socket, "echo", bytes))[0].equals(bytes));
  });

  test("a namespace's query is its auth, and its id has its name", async () => {
    const socket = await connect("/chat?token=1&name=Jos%C3%A9%20P");
    assert.equal(socket.id, `/chat#${socket.io.engine.id}`);
    assert.equal(socket.welcome.id, socket.id);
    const [whoami] = await ask(socket, "whoami");
    assert.deepEqual([whoami.id, whoami.nsp], [socket.id, "/chat"]);
    const [handshake] = await ask(socket, "handshake");
    assert.deepEqual(handshake.auth, { token: "1", name: "José P" });
    assert.equal(handshake.query.EIO, "3");
    assert.deepEqual(await ask(socket, "rooms"), [[socket.id]]);
  });

  test("a refusal is the bare data; then the right token", async () => {
    const socket = clients().make("/protected?token=wrong");
    assert.deepEqual(await next(socket, "error"), [{ code: 401 }]);
    assert.equal(socket.connected, false);
    const admitted = await connect("/protected?token=secret");
    assert.equal((await ask(admitted, "whoami"))[0].nsp, "/protected");
  });

  // As the servers of 2.x said it; that of today sends an object.
  better("a namespace that does not exist is a bare string", async () => {
    assert.deepEqual(await next(clients().make("/nowhere"), "error"), ["Invalid namespace"]);
  });

  test("several namespaces over one connection, left and joined again", async () => {
    const main = await connect();
    const chat = main.io.socket("/chat");
    await next(chat, "connect");
    const { id } = chat;
    for (let i = 0; i < 3; i++) {
      chat.close();
      assert.deepEqual(await ask(main, "echo", i), [i]);
      chat.open();
      await next(chat, "connect");
      assert.equal(chat.id, id);
      await ask(chat, "join", "again");
      assert.deepEqual(await ask(chat, "rooms"), [[id, "again"].sort()]);
    }
  });

  test("rooms, broadcasts and ids, between old clients and new ones", async () => {
    const nsp = fresh();
    const [a, b, c] = [await connect(nsp), await connect(nsp), await newer().connect(nsp)];
    const sockets = [a, b, c];
    const messages = sockets.map(() => []);
    sockets.forEach((socket, i) => socket.on("msg", (...args) => messages[i].push(args)));
    await ask(a, "join", "red");
    await ask(c, "join", "red");
    const bytes = Buffer.from([1, 2]);
    await ask(a, "room", "red", "to red", { bytes });
    await ask(c, "others", "red", "to others in red");
    await ask(c, "room", a.id, "to a by its id", bytes);
    await ask(a, "room", c.id, "to c by its id", bytes);
    await ask(c, "except", a.id, "to all but a");
    await ask(b, "broadcast", "to all", bytes);
    await ask(b, "broadcast-others", "to all others");
    await Promise.all(sockets.map((socket) => ask(socket, "echo", 0)));
    const names = messages.map((list) => list.map(([name]) => name));
    assert.deepEqual(names[0], ["to red", "to others in red", "to a by its id", "to all", "to all others"]);
    assert.deepEqual(names[1], ["to all but a", "to all"]);
    assert.deepEqual(names[2], ["to red", "to c by its id", "to all but a", "to all", "to all others"]);
    for (const [name, value] of messages.flat()) {
      if (name === "to all" || name.endsWith("by its id")) assert.deepEqual([...value], [1, 2], name);
      if (name === "to red") assert.deepEqual([...value.bytes], [1, 2]);
    }
  });

  test("the server asks, one and all", async () => {
    const nsp = fresh();
    const sockets = [await connect(nsp), await connect(nsp), await newer().connect(nsp)];
    sockets.forEach((socket, i) =>
      socket.on("question", (question, answer) => answer({ to: question, i, bytes: Buffer.from([i]) })),
    );
    const answered = next(sockets[0], "answer");
    sockets[0].emit("ask-me", "why");
    const [answer] = await answered;
    assert.deepEqual([answer.to, [...answer.bytes]], ["why", [0]]);
    const [{ timedOut, responses }] = await ask(sockets[0], "ask-all", "who", 3000);
    assert.equal(timedOut, false);
    assert.deepEqual(responses.map(({ i }) => i).sort(), [0, 1, 2]);
  });

  test("floods arrive whole and in order", async () => {
    const socket = await connect();
    const ticks = [];
    socket.on("tick", (i) => ticks.push(i));
    const ticked = next(socket, "ticked", 20_000);
    socket.emit("flood", 300, 200);
    assert.deepEqual(await ticked, [300]);
    assert.deepEqual(ticks, Array.from({ length: 300 }, (_, i) => i));
  });

  test("kicked, with and without the connection", async () => {
    for (const close of [false, true]) {
      const nsp = fresh();
      const watcher = await newer().connect(nsp);
      const socket = await connect(nsp);
      const { id } = socket;
      const left = next(watcher, "left");
      const disconnected = next(socket, "disconnect");
      socket.emit("kick", close);
      assert.equal((await disconnected)[0], "io server disconnect");
      assert.deepEqual(await left, [id, "server namespace disconnect"]);
    }
  });

  test("leaving by itself", async () => {
    const nsp = fresh();
    const watcher = await newer().connect(nsp);
    const socket = await connect(nsp);
    const { id } = socket;
    const left = next(watcher, "left");
    socket.close();
    const [gone, reason] = await left;
    assert.equal(gone, id);
    assert.ok(["client namespace disconnect", "transport close"].includes(reason), reason);
  });

  test("a broken connection: back under a new id, and what was emitted meanwhile arrives", async () => {
    const socket = await connect(fresh());
    const before = socket.id;
    const disconnected = next(socket, "disconnect");
    socket.io.engine.close();
    await disconnected;
    const answered = ask(socket, "echo", "buffered");
    await next(socket, "connect");
    assert.notEqual(socket.id, before);
    assert.deepEqual(await answered, ["buffered"]);
    assert.equal((await ask(socket, "whoami"))[0].id, socket.id);
  });
}

for (const [version, io] of Object.entries(OLD_VERSIONS)) {
  for (const [travel, transports] of Object.entries(TRAVELS)) {
    test(`socket.io-client ${version}, ${travel}: it stays as long as it pings`, async () => {
      const short = await start("app", "--allow-eio3", "--ping-interval", "200", "--ping-timeout", "400");
      const clients = new Clients(short, io, transports);
      try {
        const socket = await clients.connect();
        let pongs = 0;
        socket.on("pong", () => pongs++);
        socket.on("disconnect", (reason) => assert.fail(reason));
        await until(() => pongs >= 5, 5000, "five pongs");
        assert.deepEqual(await ask(socket, "echo", 1), [1]);
        socket.removeAllListeners("disconnect");
      } finally {
        clients.close();
        await short.kill();
      }
    });

    test(`socket.io-client ${version}, ${travel}: a server that ends and comes back`, async () => {
      const beds = [await start("app", "--allow-eio3")];
      const clients = new Clients(beds[0], io, transports);
      try {
        const socket = await clients.connect("/chat?token=1");
        const before = socket.id;
        const gone = next(socket, "disconnect", 15_000);
        await beds[0].stop();
        assert.notEqual((await gone)[0], "io server disconnect", "that would keep it from coming back");
        const answered = next(socket, "echo", 20_000);
        socket.emit("echo", "meanwhile", Buffer.from([1]));
        const back = next(socket, "connect", 20_000);
        await sleep(200);
        beds.push(launch("--profile", "app", "--allow-eio3", "--port", String(beds[0].port)));
        await back;
        const [text, bytes] = await answered;
        assert.deepEqual([text, [...bytes]], ["meanwhile", [1]]);
        assert.notEqual(socket.id, before);
        assert.deepEqual((await ask(socket, "handshake"))[0].auth, { token: "1" });
      } finally {
        clients.close();
        for (const each of beds) await each.kill();
      }
    });

    test(`socket.io-client ${version}, ${travel}: not where it is not allowed`, async () => {
      const strict = await start("app");
      const clients = new Clients(strict, io, transports);
      try {
        const socket = clients.make("/", { reconnection: false });
        socket.on("connect", () => assert.fail("it should not get in"));
        await next(socket, "connect_error");
        assert.equal(socket.connected, false);
      } finally {
        clients.close();
        await strict.kill();
      }
    });
  }
}
