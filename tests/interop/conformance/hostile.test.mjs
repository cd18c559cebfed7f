// Peers that mean harm or know no better: each gets a documented answer or a clean close, costs a
// bounded amount of memory, and disturbs nobody else.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { after, before, describe, test } from "node:test";
import { exchange, Polling, request } from "../lib/http.mjs";
import { better, start } from "../lib/testbed.mjs";
import { frame, OP, RawWebSocket, upgradeRequest } from "../lib/websocket.mjs";
import { sleep, within } from "../lib/util.mjs";

const MIB = 1024 * 1024;

describe("hostile input", () => {
  let bed;
  let witness;
  before(async () => {
    bed = await start("app");
    witness = await RawWebSocket.session(bed.port);
    await witness.connect();
  });
  after(() => bed.kill());

  /** An honest connection is served, old or new, whatever happened. */
  const undisturbed = async () => {
    witness.send('4299["echo","undisturbed"]');
    assert.equal(await witness.text(2000), '4399["undisturbed"]');
    const fresh = await Polling.open(bed.port);
    assert.match(await fresh.connect(), /^40\{"sid"/);
    await fresh.send("1");
  };
  const connected = async (options) => {
    const socket = await RawWebSocket.session(bed.port, options);
    await socket.connect();
    return socket;
  };
  /** What one text makes of a connection: "closed", or the reply. */
  const outcome = async (packet) => {
    const socket = await connected();
    socket.send(packet, '427["echo","after"]');
    for (;;) {
      const { opcode, payload } = await socket.frame().catch(() => ({ opcode: OP.close }));
      if (opcode === OP.close) return "closed";
      if (payload.toString() === '437["after"]') {
        socket.destroy();
        return "alive";
      }
    }
  };
  /** Resident memory of the server; 0 where the system does not tell. */
  const resident = () => {
    try {
      return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${bed.pid}/status`, "utf8"))[1]) * 1024;
    } catch {
      return 0;
    }
  };

  better("deeply nested JSON is refused before it can overflow a stack", async () => {
    for (const depth of [1_000, 100_000, 400_000]) {
      for (const [open, close, inner] of [["[", "]", ""], ['{"a":', "}", "1"]]) {
        const length = open.length + close.length;
        if (depth * length > 900_000) continue;
        const json = open.repeat(depth) + inner + close.repeat(depth);
        assert.equal(await outcome(`42["echo",${json}]`), "closed", `${depth} × ${open}`);
        assert.equal(await outcome(`42["echo",${open.repeat(depth)}`), "closed", `${depth} × ${open}, open`);
        // Also where nobody looks: in an event without a handler, in CONNECT, in an ack.
        assert.equal(await outcome(`42["nobody",${json}]`), "closed");
        assert.equal(await outcome(`40/chat,{"a":${json}}`), "closed");
        assert.equal(await outcome(`4312345[${json}]`), "closed");
      }
    }
    await undisturbed();
  });

  test("ordinary nesting is no attack", async () => {
    assert.equal(await outcome(`42["echo",${"[".repeat(30)}${"]".repeat(30)}]`), "alive");
  });

  test("one giant argument is echoed", async () => {
    const socket = await connected();
    const text = "x".repeat(990_000);
    socket.send(`420["echo","${text}"]`);
    assert.equal((await socket.text()).length, text.length + 7);
    socket.destroy();
  });

  better("a great many small arguments are echoed", async () => {
    const socket = await connected();
    const numbers = Array.from({ length: 150_000 }, (_, i) => i % 10).join();
    socket.send(`420["echo",${numbers}]`);
    assert.equal(await socket.text(), `430[${numbers}]`);
    socket.destroy();
  });

  test("a great many keys, also the same one, are echoed or refused", async () => {
    const keys = Array.from({ length: 40_000 }, (_, i) => `"key${i}":1`).join();
    assert.equal(await outcome(`42["echo",{${keys}}]`), "alive");
    const same = Array.from({ length: 40_000 }, () => '"key":1').join();
    assert.equal(await outcome(`42["echo",{${same}}]`), "alive");
    assert.equal(await outcome('42["echo",{"__proto__":{"polluted":1},"constructor":1}]'), "alive");
  });

  test("numbers of a million digits are taken or refused", async () => {
    const started = Date.now();
    await outcome(`42["echo",${"9".repeat(900_000)}]`);
    await outcome(`42["echo",0.${"9".repeat(900_000)}]`);
    await outcome(`42["echo",1e${"9".repeat(900_000)}]`);
    assert.ok(Date.now() - started < 5000);
    await undisturbed();
  });

  test("half a surrogate pair in an escape is taken or refused", async () => {
    for (const text of ['"\\ud800"', '"\\udc00x"', '"\\ud800\\ud800"']) await outcome(`42["echo",${text}]`);
    await undisturbed();
  });

  test("types where others are expected change nothing", async () => {
    const socket = await connected();
    for (const event of ["join", "leave", "room", "others", "except", "sleep", "volatile", "flood"]) {
      for (const args of ["", ",null", ",-1,-1", ",{},[]", ',1.5,"x"', ",true,true", ',"9","9"']) {
        // An event may be answered with anything, or not at all.
        if (event === "room" || event === "others" || event === "except") {
          if (args === ',"9","9"' || args === ',1.5,"x"') continue;
        }
        socket.send(`42["${event}"${args}]`);
      }
    }
    socket.send('427["echo","after"]');
    const deadline = Date.now() + 5000;
    while ((await socket.text(5000)) !== '437["after"]') assert.ok(Date.now() < deadline);
    socket.destroy();
    await undisturbed();
  });

  better("attachments that never come end the connection in bounded time or cost nothing", async () => {
    const sockets = [];
    for (let i = 0; i < 100; i++) {
      const socket = await connected();
      socket.send('452-["echo",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]');
      socket.write(frame(OP.binary, Buffer.alloc(1000)));
      sockets.push(socket);
    }
    await undisturbed();
    for (const socket of sockets) socket.destroy();
  });

  better("attachments have a limit for all of them together", async () => {
    const socket = await connected();
    const before = resident();
    const places = Array.from({ length: 10 }, (_, num) => `{"_placeholder":true,"num":${num}}`);
    socket.send(`4510-1["echo",${places.join()}]`);
    for (let i = 0; i < 9; i++) socket.write(frame(OP.binary, Buffer.alloc(900_000)));
    await sleep(300);
    const grown = resident() - before;
    assert.ok(grown < 64 * MIB, `${Math.round(grown / MIB)} MiB`);
    socket.destroy();
    await undisturbed();
  });

  test("connections that promise a large frame cost no memory for it", async () => {
    const before = resident();
    const sockets = [];
    const length = Buffer.alloc(8);
    length.writeBigUInt64BE(990_000n);
    for (let i = 0; i < 100; i++) {
      const socket = await connected();
      socket.write(Buffer.concat([Buffer.from([0x82, 0xff]), length, Buffer.alloc(4), Buffer.alloc(100)]));
      sockets.push(socket);
    }
    await sleep(300);
    const grown = resident() - before;
    assert.ok(grown < 48 * MIB, `${Math.round(grown / MIB)} MiB for 100 promises of 1 MB`);
    for (const socket of sockets) socket.destroy();
    await undisturbed();
  });

  test("fragments of one byte are put together or refused, in bounded memory", async () => {
    const socket = await connected();
    const before = resident();
    const parts = [frame(OP.text, "4", { fin: false })];
    for (let i = 0; i < 100_000; i++) parts.push(frame(OP.continuation, "x", { fin: false }));
    socket.write(Buffer.concat(parts));
    await sleep(500);
    const grown = resident() - before;
    assert.ok(grown < 64 * MIB, `${Math.round(grown / MIB)} MiB`);
    socket.destroy();
    await undisturbed();
  });

  test("empty fragments without end cost nothing", async () => {
    const socket = await connected();
    socket.write(frame(OP.text, "4", { fin: false }));
    const empty = Buffer.concat(Array.from({ length: 20_000 }, () => frame(OP.continuation, "", { fin: false })));
    socket.write(empty);
    await undisturbed();
    socket.destroy();
  });

  test("pings without end are answered or the connection is closed", async () => {
    const socket = await connected();
    socket.write(Buffer.concat(Array.from({ length: 5000 }, () => frame(OP.ping, "x".repeat(100)))));
    socket.send('427["echo","after"]');
    for (;;) {
      const { opcode, payload } = await socket.frame().catch(() => ({ opcode: OP.close }));
      if (opcode === OP.close || payload.toString() === '437["after"]') break;
      assert.equal(opcode, OP.pong);
    }
    socket.destroy();
    await undisturbed();
  });

  test("namespaces without end are refused, connected or not", async () => {
    const socket = await RawWebSocket.session(bed.port);
    socket.send(...Array.from({ length: 3000 }, (_, i) => `40/nowhere-${i},`));
    await sleep(300);
    socket.destroy();
    await undisturbed();
  });

  better("CONNECT sent twice before the reply ends the connection, and leaves one socket at most", async () => {
    const socket = await RawWebSocket.session(bed.port);
    socket.send("40/tenant-900,", "40/tenant-900,");
    await socket.closing();
  });

  test("a client that reads nothing does not grow the server without end", async () => {
    const socket = await connected();
    const before = resident();
    socket.tcp.pause();
    for (let i = 0; i < 60; i++) socket.send('42["flood",50,20000]');
    await sleep(1500);
    await undisturbed();
    const grown = resident() - before;
    // 60 MB were asked for; the official server keeps them all.
    assert.ok(grown < 128 * MIB, `${Math.round(grown / MIB)} MiB`);
    socket.destroy();
  });

  test("a request that stops half way holds up nobody", async () => {
    const session = await Polling.open(bed.port);
    await session.connect();
    const halves = [
      "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n",
      "GET /socket.io/?EIO=4",
      "\r\n",
      `POST ${session.target} HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n\r\n4`,
      `POST ${session.target} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n4`,
    ];
    const sockets = [];
    for (let i = 0; i < 40; i++) {
      for (const half of halves) {
        const socket = connect(bed.port, "127.0.0.1");
        socket.on("error", () => {});
        socket.write(half);
        sockets.push(socket);
      }
    }
    await sleep(200);
    await undisturbed();
    for (const socket of sockets) socket.destroy();
  });

  test("headers without end are refused", async () => {
    const head = "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n";
    const many = Array.from({ length: 5000 }, (_, i) => `X-${i}: y\r\n`).join("");
    const long = `X: ${"y".repeat(2 * MIB)}\r\n`;
    for (const headers of [many, long]) {
      const { text } = await exchange(bed.port, `${head}${headers}\r\n`, {
        enough: (text) => text.includes("\r\n\r\n"),
      });
      assert.doesNotMatch(text, /^HTTP\/1\.1 (200|5)/);
    }
    const uri = await exchange(bed.port, `GET /socket.io/?${"a".repeat(2 * MIB)} HTTP/1.1\r\n\r\n`, {
      enough: (text) => text.includes("\r\n\r\n"),
    });
    assert.doesNotMatch(uri.text, /^HTTP\/1\.1 (200|5)/);
    await undisturbed();
  });

  test("what is no HTTP at all is refused", async () => {
    for (const bytes of [
      Buffer.from("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "latin1"),
      Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
      Buffer.alloc(1000, 0xff),
      Buffer.from("GET\r\n\r\n"),
      Buffer.from("GET /socket.io/?EIO=4&transport=polling HTTP/9.9\r\n\r\n"),
    ]) {
      const { text } = await exchange(bed.port, bytes, { ms: 1000, enough: (text) => text.length > 0 });
      assert.doesNotMatch(text, /^HTTP\/1\.1 200/);
    }
    await undisturbed();
  });

  test("requests that two servers could read differently are refused", async () => {
    const session = await Polling.open(bed.port);
    await session.connect();
    const head = `POST ${session.target} HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\n`;
    for (const framing of [
      "Content-Length: 4\r\nContent-Length: 5\r\n",
      "Content-Length: -1\r\n",
      "Content-Length: 0x4\r\n",
      "Content-Length: 99999999999999999999\r\n",
    ]) {
      const { text } = await exchange(bed.port, `${head}${framing}\r\n42[1]`, {
        ms: 1000,
        enough: (text) => text.includes("\r\n\r\n"),
      });
      assert.doesNotMatch(text, /^HTTP\/1\.1 (200|5)/, framing);
    }
    await undisturbed();
  });

  test("a POST with a length past the limit is refused before its body", async () => {
    const session = await Polling.open(bed.port);
    await session.connect();
    const before = resident();
    const head = `POST ${session.target} HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\n`;
    const body = "4".repeat(3 * MIB);
    const { text } = await exchange(bed.port, `${head}Content-Length: ${body.length}\r\n\r\n${body}`, {
      enough: (text) => text.includes("\r\n\r\n"),
    });
    // Who is reset while still sending may not see the answer.
    assert.ok(text === "" || /^HTTP\/1\.1 (413|400)/.test(text), text.slice(0, 100));
    assert.ok(resident() - before < 16 * MIB);
  });

  test("bytes behind an upgrade request are no second request", async () => {
    const { text } = upgradeRequest(bed.port, "/socket.io/?EIO=4&transport=websocket");
    const answer = await exchange(bed.port, `${text}GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n`, { ms: 1000 });
    assert.doesNotMatch(answer.text, /\r\nok$/);
    await undisturbed();
  });

  test("strange paths and queries are answered", async () => {
    for (const target of [
      "/socket.io/?EIO=4&transport=polling&sid=%",
      "/socket.io/?EIO=4&transport=polling&sid=%ff%fe",
      "/socket.io/?EIO=4&transport=polling&&&==&=x&__proto__=1&constructor=2",
      "/socket.io/%00?EIO=4&transport=polling",
      "/socket.io/../etc/passwd",
      "/socket.io//?EIO=4&transport=polling",
      "//socket.io/?EIO=4&transport=polling",
      "/socket.io/?",
      "/socket.io/??EIO=4",
      `/socket.io/?${"a=b&".repeat(1000)}EIO=4&transport=polling`,
    ]) {
      const { status } = await request(bed.port, "GET", target);
      assert.ok(status >= 200 && status < 500, `${target}: ${status}`);
    }
    await undisturbed();
  });

  test("half-open connections and sudden ends by the hundred are survived", async () => {
    const sockets = await Promise.all(Array.from({ length: 200 }, () => connected()));
    sockets.forEach((socket, i) => {
      if (i % 3 === 0) socket.destroy();
      else if (i % 3 === 1) socket.tcp.end();
      else socket.tcp.destroy();
    });
    await sleep(200);
    await undisturbed();
  });

  test("a client that closes its sending half is let go", async () => {
    const socket = await connected();
    socket.tcp.end();
    await within(socket.closed, 3000, "the server's end of the connection");
  });

  test("after all this the server holds no more than the honest connections", async () => {
    await sleep(500);
    witness.send('4298["stats"]');
    const [stats] = JSON.parse((await witness.text()).slice(4));
    // Polling sessions that were left without a word live on until their ping time-out.
    assert.ok(stats.clients < 80, JSON.stringify(stats));
    assert.ok(resident() < 400 * MIB);
  });
});

describe("slow peers", () => {
  test("an upgrade request's bytes may come one by one", async () => {
    const bed = await start("app");
    try {
      const { text } = upgradeRequest(bed.port, "/socket.io/?EIO=4&transport=websocket");
      const socket = connect({ port: bed.port, host: "127.0.0.1", noDelay: true });
      const answered = new Promise((resolve) => socket.once("data", (data) => resolve(data.toString("latin1"))));
      for (const byte of text) {
        socket.write(byte);
        await sleep(1);
      }
      assert.match(await within(answered, 2000, "the answer"), /^HTTP\/1\.1 101/);
      socket.destroy();
    } finally {
      await bed.kill();
    }
  });

  better("headers that never end are given up, without a time-out of their own on idle connections", async () => {
    const bed = await start("app", "--connect-timeout", "1000");
    try {
      const socket = connect(bed.port, "127.0.0.1");
      const closed = new Promise((resolve) => socket.on("close", resolve));
      socket.on("error", () => {});
      socket.write("GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\n");
      const drip = setInterval(() => socket.write("X-Slow: 1\r\n"), 500);
      await within(closed, 45_000, "the end of a request that never ends").finally(() => clearInterval(drip));
    } finally {
      await bed.kill();
    }
  });
});
