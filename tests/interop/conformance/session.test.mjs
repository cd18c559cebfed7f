// Socket.IO sessions: connecting, leaving, who is told what and in which order.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Polling } from "../lib/http.mjs";
import { start } from "../lib/testbed.mjs";
import { frame, OP, RawWebSocket } from "../lib/websocket.mjs";
import { sleep } from "../lib/util.mjs";

const SID = /^[A-Za-z0-9_-]{20}$/;

describe("profile protocol", () => {
  let bed;
  before(async () => (bed = await start("protocol")));
  after(() => bed.kill());

  const open = () => RawWebSocket.session(bed.port);

  test("the reply to CONNECT holds a fresh id alone, and comes before what the handler emits", async () => {
    const socket = await open();
    socket.send("40");
    const reply = await socket.text();
    const { sid, ...more } = JSON.parse(reply.slice(2));
    assert.match(sid, SID);
    assert.deepEqual(more, {});
    assert.notEqual(sid, socket.handshake.sid);
    assert.equal(await socket.text(), '42["auth",{}]');
    socket.destroy();
  });

  test("the payload of CONNECT arrives as the handshake's auth", async () => {
    const socket = await open();
    socket.send('40{"token":"123","deep":{"a":[1,null]}}');
    await socket.text();
    const [event, auth] = JSON.parse((await socket.text()).slice(2));
    assert.deepEqual([event, auth], ["auth", { token: "123", deep: { a: [1, null] } }]);
    socket.destroy();
  });

  test("several namespaces share one connection, each with its own id", async () => {
    const socket = await open();
    socket.send("40", '40/custom,{"a":1}');
    const packets = [await socket.text(), await socket.text(), await socket.text(), await socket.text()];
    const main = packets.filter((packet) => !packet.includes("/custom"));
    const custom = packets.filter((packet) => packet.includes("/custom"));
    const ids = [main[0].slice(2), custom[0].slice("40/custom,".length)].map((text) => JSON.parse(text).sid);
    assert.notEqual(ids[0], ids[1]);
    assert.equal(main[1], '42["auth",{}]');
    assert.equal(custom[1], '42/custom,["auth",{"a":1}]');
    socket.destroy();
  });

  test("messages and acks, text and bytes", async () => {
    const socket = await open();
    await socket.connect();
    socket.send('42["message",1,"2",{"3":[true]}]', '42456["message-with-ack",1,"2",{"3":[false]}]');
    assert.equal(await socket.text(), '42["message-back",1,"2",{"3":[true]}]');
    assert.equal(await socket.text(), '43456[1,"2",{"3":[false]}]');
    const places = '{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}';
    socket.send(`452-789["message-with-ack",${places}]`);
    socket.write(Buffer.concat([frame(OP.binary, [1, 2]), frame(OP.binary, [3])]));
    assert.equal(await socket.text(), `462-789[${places}]`);
    assert.deepEqual([...(await socket.frame()).payload], [1, 2]);
    assert.deepEqual([...(await socket.frame()).payload], [3]);
    socket.destroy();
  });

  test("an unknown namespace is refused, the connection stays until its time is over", async () => {
    const socket = await open();
    socket.send("40/random");
    assert.equal(await socket.text(), '44/random,{"message":"Invalid namespace"}');
    socket.send("40");
    assert.match(await socket.text(), /^40\{"sid"/);
    socket.destroy();
  });

  test("leaving one namespace leaves the others", async () => {
    const socket = await open();
    await socket.connect();
    socket.send("40/custom,");
    await socket.text();
    await socket.text();
    socket.send("41/custom,", '421["message-with-ack"]');
    assert.equal(await socket.text(), "431[]");
    socket.destroy();
  });

  test("who joins no namespace in time is closed", async () => {
    const socket = await open();
    const opened = Date.now();
    // Heartbeats are answered, so that it is no ping time-out.
    const text = socket.text(3000).then(
      () => "text",
      () => "closed",
    );
    assert.equal(await text, "closed");
    const took = Date.now() - opened;
    assert.ok(took > 800 && took < 1800, `closed after ${took} ms`);
  });

  test("the same by polling", async () => {
    const session = await Polling.open(bed.port);
    const opened = Date.now();
    while (Date.now() - opened < 1800) {
      const { status, body } = await session.get();
      if (status !== 200 || body.split("\x1e").includes("1")) break;
      if (body === "2") await session.post("3");
    }
    const took = Date.now() - opened;
    assert.ok(took > 800 && took < 1700, `closed after ${took} ms`);
  });

  test("joining in time keeps the connection", async () => {
    const socket = await open();
    await sleep(250);
    await socket.connect();
    const until = Date.now() + 1300;
    while (Date.now() < until) {
      const { payload } = await socket.frame();
      assert.equal(payload.toString(), "2");
      socket.send("3");
    }
    socket.destroy();
  });
});

describe("profile app", () => {
  let bed;
  before(async () => (bed = await start("app", "--ping-interval", "400", "--ping-timeout", "300")));
  after(() => bed.kill());

  /** A connection in a namespace of its own with a second one that watches it. */
  let last = 0;
  const pair = async (open) => {
    const nsp = `/tenant-${++last}`;
    const watcher = await RawWebSocket.session(bed.port);
    watcher.send(`40${nsp},`);
    await watcher.text();
    await watcher.text();
    const watched = await open();
    return { nsp, watcher, watched };
  };
  const join = async (socket, nsp) => {
    socket.send(`40${nsp},`);
    const reply = await socket.text();
    await socket.text();
    return JSON.parse(reply.slice(`40${nsp},`.length)).sid;
  };
  const farewell = async (watcher, nsp) => {
    for (;;) {
      const { payload } = await watcher.frame();
      const text = payload.toString();
      if (text === "2") watcher.send("3");
      else if (text.startsWith(`42${nsp},["left"`)) return JSON.parse(text.slice(`42${nsp},`.length)).slice(1);
    }
  };

  const reasons = [
    ["transport close", "the connection breaks", (socket) => socket.destroy()],
    ["transport close", "the WebSocket is closed", (socket) => socket.write(frame(OP.close, [3, 0xe8]))],
    ["client namespace disconnect", "it leaves", (socket, nsp) => socket.send(`41${nsp},`)],
    ["server namespace disconnect", "it is kicked", (socket, nsp) => socket.send(`42${nsp},["kick"]`)],
    ["server namespace disconnect", "it is kicked out", (socket, nsp) => socket.send(`42${nsp},["kick",true]`)],
    [
      "server namespace disconnect",
      "its room is disconnected",
      (socket, nsp, sid) => socket.send(`42${nsp},["disconnect-sockets","${sid}",true]`),
    ],
    ["ping timeout", "it answers no ping", () => {}],
    ["transport error", "it sends a message past the limit", (socket) => socket.write(frame(OP.text, "4".repeat(1_000_001)))],
    ["transport error", "it sends a ping", (socket) => socket.send("2")],
    ["forced close", "it breaks the protocol", (socket) => socket.send("4abc")],
    ["parse error", "it sends an unknown packet", (socket) => socket.send("9")],
  ];
  for (const [reason, what, act] of reasons) {
    test(`the others learn "${reason}" when ${what}`, async () => {
      const { nsp, watcher, watched } = await pair(() => RawWebSocket.session(bed.port));
      const sid = await join(watched, nsp);
      act(watched, nsp, sid);
      const [id, given] = await farewell(watcher, nsp);
      assert.equal(id, sid);
      const official = [reason];
      // A violation: `forced close` and `forced server close` are both the official words for it.
      if (reason === "forced close") official.push("forced server close");
      assert.ok(official.includes(given), given);
      watched.destroy();
      watcher.destroy();
    });
  }

  test("a kick is a DISCONNECT packet; with true the connection is closed as well", async () => {
    const socket = await RawWebSocket.session(bed.port);
    await socket.connect();
    await join(socket, "/chat");
    socket.send('42/chat,["kick"]');
    assert.equal(await socket.text(), "41/chat,");
    socket.send('421["echo"]');
    assert.equal(await socket.text(), "431[]");
    socket.send('42["kick",true]');
    assert.equal(await socket.text(), "41");
    await socket.closing();
  });

  test("kicked out by polling: DISCONNECT, then the end", async () => {
    const session = await Polling.open(bed.port);
    await session.connect();
    await session.send('42["kick",true]');
    const packets = [];
    while (!packets.includes("1")) {
      const { status, body } = await session.get();
      if (status !== 200) break;
      packets.push(...body.split("\x1e"));
    }
    assert.ok(packets.includes("41"), packets.join(" "));
    assert.equal(await session.alive(), false);
  });

  test("polling: a client's close packet is a transport close", async () => {
    const { nsp, watcher, watched } = await pair(() => Polling.open(bed.port));
    await watched.send(`40${nsp},`);
    await watched.receive(2);
    await watched.send("1");
    assert.equal((await farewell(watcher, nsp))[1], "transport close");
    watcher.destroy();
  });

  test("polling: two polls at once are a transport error", async () => {
    const { nsp, watcher, watched } = await pair(() => Polling.open(bed.port));
    await watched.send(`40${nsp},`);
    await watched.receive(2);
    const first = watched.get();
    await sleep(20);
    await watched.get();
    await first;
    assert.equal((await farewell(watcher, nsp))[1], "transport error");
    watcher.destroy();
  });

  test("events of one socket are answered in the order they came in", async () => {
    const socket = await RawWebSocket.session(bed.port);
    await socket.connect();
    socket.send(...Array.from({ length: 1000 }, (_, i) => `42${i}["echo",${i}]`));
    for (let i = 0; i < 1000; i++) assert.equal(await socket.text(), `43${i}[${i}]`);
    socket.destroy();
  });

  test("a slow handler does not hold up later events", async () => {
    const socket = await RawWebSocket.session(bed.port);
    await socket.connect();
    socket.send('421["sleep",200,"slow"]', '422["echo","fast"]');
    assert.equal(await socket.text(), '432["fast"]');
    assert.equal(await socket.text(), '431["slow"]');
    socket.destroy();
  });

  test("an ack id may be used again once it was answered", async () => {
    const socket = await RawWebSocket.session(bed.port);
    await socket.connect();
    for (let i = 0; i < 3; i++) {
      socket.send(`427["echo",${i}]`);
      assert.equal(await socket.text(), `437[${i}]`);
    }
    socket.destroy();
  });

  test("an answer to the server's question is taken once", async () => {
    const socket = await RawWebSocket.session(bed.port);
    await socket.connect();
    socket.send('42["ask-me","why"]');
    const question = await socket.text();
    const id = /^42(\d+)\["question","why"\]$/.exec(question)?.[1];
    assert.ok(id, question);
    socket.send(`43${id}["first"]`, `43${id}["second"]`, '42["echo","end"]');
    const packets = [await socket.text(), await socket.text()];
    assert.deepEqual(packets.sort(), ['42["answer","first"]', '42["echo","end"]']);
    socket.send('421["echo"]');
    assert.equal(await socket.text(), "431[]");
    socket.destroy();
  });

  test("the handshake is told as it was", async () => {
    const socket = await RawWebSocket.session(bed.port, {
      query: "&color=blue%20sky&color2=",
      headers: { "X-Custom": "yes", Cookie: "a=b" },
    });
    socket.send('40{"token":1}');
    await socket.text();
    await socket.text();
    socket.send('421["handshake"]');
    const [handshake] = JSON.parse((await socket.text()).slice(3));
    assert.equal(handshake.headers["x-custom"], "yes");
    assert.equal(handshake.headers.cookie, "a=b");
    assert.equal(handshake.query.color, "blue sky");
    assert.equal(handshake.query.color2, "");
    assert.equal(handshake.query.EIO, "4");
    assert.equal(handshake.query.transport, "websocket");
    assert.deepEqual(handshake.auth, { token: 1 });
    assert.match(handshake.address, /^(::ffff:)?127\.0\.0\.1$/);
    assert.equal(handshake.secure, false);
    assert.equal(handshake.xdomain, false);
    assert.match(handshake.url, /^\/socket\.io\/\?EIO=4&transport=websocket&color=/);
    assert.ok(Math.abs(handshake.issued - Date.now()) < 60_000, String(handshake.issued));
    assert.ok(!Number.isNaN(Date.parse(handshake.time)), handshake.time);
    socket.destroy();
  });
});
