// The testbed as a program, and how it ends: flags, ports, the files that it serves, shutdown.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { connect } from "node:net";
import { after, before, describe, test } from "node:test";
import { brotliDecompressSync, gunzipSync, inflateSync } from "node:zlib";
import { Polling, request } from "../lib/http.mjs";
import { better, launch, start } from "../lib/testbed.mjs";
import { OP, RawWebSocket } from "../lib/websocket.mjs";
import { sleep, within } from "../lib/util.mjs";

describe("the program", () => {
  for (const [what, args] of [
    ["an unknown flag", ["--profile", "app", "--frobnicate"]],
    ["an unknown profile", ["--profile", "none"]],
    ["a missing value", ["--profile", "app", "--port"]],
    ["a port that is none", ["--profile", "app", "--port", "http"]],
    ["a port past the last", ["--profile", "app", "--port", "65536"]],
    ["a number that is none", ["--profile", "app", "--ping-interval", "soon"]],
    ["a negative number", ["--profile", "app", "--ping-interval=-5"]],
    ["an unknown transport", ["--profile", "app", "--transports", "polling,pigeon"]],
    ["no transport", ["--profile", "app", "--transports", ""]],
    ["no worker", ["--profile", "app", "--workers", "0"]],
    ["an argument too many", ["--profile", "app", "more"]],
    ["a flag whose feature is not built", ["--profile", "app", "--plain-ws"]],
    ["an adapter that is not built", ["--profile", "app", "--adapter", "redis"]],
    ["a transport that is not built", ["--profile", "app", "--transports", "webtransport"]],
  ]) {
    better(`${what} is an error and exit 2`, async () => {
      const bed = launch(...(args.includes("--port") ? [] : ["--port", "0"]), ...args);
      const { code } = await within(bed.ended, 5000, "the end").finally(() => bed.stop("SIGKILL"));
      assert.equal(code, 2, bed.errors());
      assert.notEqual(bed.errors().trim(), "");
    });
  }

  better("a port in use is an error that says so", async () => {
    const first = await start("app");
    try {
      const second = launch("--profile", "app", "--port", String(first.port));
      const { code } = await within(second.ended, 5000, "the end").finally(() => second.stop("SIGKILL"));
      assert.ok(code !== 0 && code !== null, String(code));
      assert.match(second.errors(), /in use/i);
    } finally {
      await first.kill();
    }
  });

  test("every process has a name of its own", async () => {
    const beds = [await start("app"), await start("app")];
    try {
      const names = [];
      for (const bed of beds) {
        const socket = await RawWebSocket.session(bed.port);
        await socket.connect();
        socket.send('421["whoami"]');
        names.push(JSON.parse((await socket.text()).slice(3))[0].node);
        socket.destroy();
      }
      assert.equal(typeof names[0], "string");
      assert.notEqual(names[0], names[1]);
    } finally {
      for (const bed of beds) await bed.kill();
    }
  });

  better("several workers serve as one", async () => {
    const bed = await start("app", "--workers", "3");
    try {
      const sockets = await Promise.all(Array.from({ length: 30 }, () => RawWebSocket.session(bed.port)));
      await Promise.all(sockets.map((socket) => socket.connect()));
      for (const socket of sockets) {
        socket.send('421["join","everybody"]');
        assert.equal(await socket.text(), "431[]");
      }
      sockets[7].send('42["others","everybody","hello"]');
      for (const socket of sockets) {
        if (socket !== sockets[7]) assert.equal(await socket.text(), '42["msg","hello"]');
        socket.destroy();
      }
    } finally {
      await bed.kill();
    }
  });
});

describe("client files", () => {
  let bed;
  before(async () => (bed = await start("app")));
  after(() => bed.kill());

  const NAMES = ["socket.io.js", "socket.io.min.js", "socket.io.esm.min.js", "socket.io.msgpack.min.js"];
  const get = (name, headers = {}) => request(bed.port, "GET", `/socket.io/${name}`, { headers });

  for (const name of [...NAMES, ...NAMES.map((name) => `${name}.map`)]) {
    test(`${name} is served, cached and compressed`, async () => {
      const plain = await get(name);
      assert.equal(plain.status, 200);
      const type = name.endsWith(".map") ? "application/json" : "application/javascript";
      assert.match(plain.headers["content-type"], new RegExp(`^${type}; charset=utf-8$`, "i"));
      assert.equal(plain.headers["cache-control"], "public, max-age=0");
      assert.match(plain.headers.etag, /^(W\/)?"[^"]+"$/);
      assert.ok(plain.bytes.length > 10_000);
      const digest = createHash("sha256").update(plain.bytes).digest("hex");
      for (const [encoding, decode] of [
        ["gzip", gunzipSync],
        ["deflate", inflateSync],
        ["br", brotliDecompressSync],
      ]) {
        const packed = await get(name, { "accept-encoding": encoding });
        assert.equal(packed.headers["content-encoding"], encoding);
        assert.match(packed.headers.vary ?? "accept-encoding", /accept-encoding/i);
        assert.ok(packed.bytes.length < plain.bytes.length / 2);
        assert.equal(createHash("sha256").update(decode(packed.bytes)).digest("hex"), digest);
      }
      const none = await get(name, { "accept-encoding": "gzip;q=0, identity" });
      assert.equal(none.headers["content-encoding"], undefined);
      for (const tag of [plain.headers.etag, `W/${plain.headers.etag.replace(/^W\//, "")}`]) {
        const again = await get(name, { "if-none-match": tag });
        assert.deepEqual([again.status, again.bytes.length], [304, 0]);
      }
      const other = await get(name, { "if-none-match": '"other"' });
      assert.equal(other.status, 200);
      assert.equal((await get(`${name}?version=1`)).status, 200);
    });
  }

  better("br is preferred where all are equally welcome", async () => {
    const { headers } = await get("socket.io.min.js", { "accept-encoding": "gzip, deflate, br" });
    assert.equal(headers["content-encoding"], "br");
  });

  better("a list of tags, any tag, and HEAD", async () => {
    const { etag } = (await get("socket.io.js")).headers;
    assert.equal((await get("socket.io.js", { "if-none-match": `"a", ${etag}` })).status, 304);
    assert.equal((await get("socket.io.js", { "if-none-match": "*" })).status, 304);
    const head = await request(bed.port, "HEAD", "/socket.io/socket.io.js");
    assert.deepEqual([head.status, head.bytes.length], [200, 0]);
  });

  test("a bundle names its map, and the map is the bundle's", async () => {
    for (const name of NAMES) {
      const { body } = await get(name);
      assert.match(body.trimEnd(), new RegExp(`//# sourceMappingURL=${name.replaceAll(".", "\\.")}\\.map$`));
      const map = JSON.parse((await get(`${name}.map`)).body);
      assert.equal(map.version, 3);
      assert.ok(map.sources.every((source) => !source.startsWith("/")));
    }
  });
});

describe("shutdown", () => {
  for (const signal of ["SIGTERM", "SIGINT"]) {
    test(`${signal}: exit 0`, async () => {
      const bed = await start("app");
      const { code, took } = await bed.stop(signal);
      assert.equal(code, 0);
      assert.ok(took < 3000, `${took} ms`);
    });
  }

  test("WebSockets get what was emitted, no DISCONNECT, and a close frame", async () => {
    const bed = await start("app");
    const socket = await RawWebSocket.session(bed.port);
    await socket.connect();
    socket.send('421["flood",200,100]');
    const frames = [];
    const stopped = sleep(50).then(() => bed.stop());
    for (;;) {
      const { opcode, payload } = await socket.frame();
      if (opcode === OP.close) break;
      frames.push(payload.toString());
    }
    assert.equal(frames.filter((text) => text.startsWith('42["tick"')).length, 200);
    assert.ok(!frames.some((text) => text.startsWith("41")), "a DISCONNECT keeps clients from coming back");
    await socket.closed;
    assert.equal((await stopped).code, 0);
  });

  better("polling clients that come within two seconds get what was emitted", async () => {
    const bed = await start("app");
    const sessions = await Promise.all(Array.from({ length: 5 }, () => Polling.open(bed.port)));
    for (const session of sessions) {
      await session.connect();
      await session.send('42["flood",20,100]');
    }
    const stopped = bed.stop();
    await Promise.all(
      sessions.map(async (session, i) => {
        await sleep(300 * i);
        const packets = [];
        while (packets.filter((packet) => packet.startsWith('42["tick"')).length < 20) {
          const { status, body } = await session.get();
          assert.equal(status, 200, `session ${i} after ${300 * i} ms: ${body}`);
          packets.push(...body.split("\x1e"));
        }
        assert.ok(!packets.includes("41"));
      }),
    );
    const { code, took } = await stopped;
    assert.equal(code, 0);
    assert.ok(took < 10_000, `${took} ms`);
  });

  test("idle, waiting and half-open connections do not hold it up for ten seconds", async () => {
    const bed = await start("app");
    const idle = connect(bed.port, "127.0.0.1");
    const half = connect(bed.port, "127.0.0.1");
    for (const socket of [idle, half]) socket.on("error", () => {});
    half.write("GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost:");
    const silent = await RawWebSocket.session(bed.port);
    await silent.connect();
    silent.tcp.pause();
    const session = await Polling.open(bed.port);
    await session.connect();
    const waiting = session.get().catch(() => undefined);
    const probing = await RawWebSocket.open(
      bed.port,
      `/socket.io/?EIO=4&transport=websocket&sid=${session.sid}`,
    );
    probing.send("2probe");
    await sleep(100);
    const { code, took } = await bed.stop();
    assert.equal(code, 0);
    assert.ok(took < 10_000, `${took} ms`);
    await waiting;
    for (const socket of [idle, half]) socket.destroy();
    for (const socket of [silent, probing]) socket.destroy();
  });

  test("a waiting poll is answered", async () => {
    const bed = await start("app");
    const session = await Polling.open(bed.port);
    await session.connect();
    const waiting = session.get();
    await sleep(50);
    const stopped = bed.stop();
    const { status, body } = await within(waiting, 5000, "the poll's answer");
    assert.equal(status, 200);
    assert.ok(["1", "6"].includes(body), body);
    assert.equal((await stopped).code, 0);
  });

  better("new connections are refused while it ends", async () => {
    const bed = await start("app");
    const session = await Polling.open(bed.port);
    await session.connect();
    await session.send('42["flood",5,10]');
    const stopped = bed.stop();
    await sleep(200);
    const fresh = await request(bed.port, "GET", "/socket.io/?EIO=4&transport=polling").then(
      ({ status }) => status,
      () => 0,
    );
    assert.ok(fresh === 0 || fresh >= 400, String(fresh));
    assert.equal((await stopped).code, 0);
  });

  test("the port is free at once", async () => {
    const bed = await start("app");
    const socket = await RawWebSocket.session(bed.port);
    await socket.connect();
    await bed.stop();
    const again = launch("--profile", "app", "--port", String(bed.port));
    assert.equal(await again.line(), `listening on 127.0.0.1:${bed.port}`, again.errors());
    await again.kill();
    socket.destroy();
  });
});
