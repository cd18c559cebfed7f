/** What only a process can show: a server of its own making, headers, buffers. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Socket as NetSocket } from "node:net";
import { after, before, test } from "node:test";
import { isNodeBuild } from "#client";
import { next, open, start, type Server } from "./util.js";

let server: Server;
before(async () => {
  server = await start();
});
after(() => server.stop());

test("a server that accepts and says nothing times out", async (t) => {
  const silent = createServer(() => {}).listen(0, "127.0.0.1");
  const held = new Set<NetSocket>();
  silent.on("connection", (connection) => held.add(connection));
  t.after(() => {
    for (const connection of held) connection.destroy();
    silent.close();
  });
  await once(silent, "listening");
  const { port } = silent.address() as { port: number };
  for (const transports of [["polling"], ["websocket"]]) {
    const socket = open("http://127.0.0.1:" + port, { transports, timeout: 100 });
    const [err] = await next(socket, "connect_error");
    assert.equal(err.message, "timeout");
    assert.equal(socket.active, true);
    await next(socket.io, "reconnect_attempt");
    socket.disconnect();
  }
});

if (isNodeBuild) {
  test("Node: extra headers on every transport", async () => {
    for (const transports of [["polling"], ["websocket"]]) {
      const socket = open(server.url, { transports, extraHeaders: { "x-test": "yes", cookie: "a=b" } });
      const { headers } = await socket.emitWithAck("handshake");
      assert.equal(headers["x-test"], "yes");
      assert.equal(headers.cookie, "a=b");
    }
  });

  test("Node: what is smaller than the threshold of `perMessageDeflate` is not compressed", async () => {
    const cases: [perMessageDeflate: any, compressed: boolean[]][] = [
      [undefined, [false, false, true, true]],
      [{ threshold: 11 }, [false, true, true, true]],
      [{ threshold: 0 }, [true, true, true, true]],
      [true, [true, true, true, true]],
      [false, [true, true, true, true]],
    ];
    for (const [perMessageDeflate, expected] of cases) {
      const socket = open(server.url, { transports: ["websocket"], ...(perMessageDeflate !== undefined && { perMessageDeflate }) });
      await next(socket, "connect");
      const { ws } = socket.io.engine.transport;
      const { send } = ws;
      const compressed: boolean[] = [];
      ws.send = (data: any, options: any) => {
        compressed.push(options.compress);
        send.call(ws, data, options);
      };
      socket.emit("echo");
      // Two bytes a character: 1,024 with what stands around them.
      socket.emit("echo", "x".repeat(100));
      socket.emit("echo", "\u00e9".repeat(506));
      socket.compress(false).emit("echo", "x".repeat(2000));
      socket.emit("echo", "x".repeat(2000));
      await socket.emitWithAck("echo");
      assert.equal(compressed.splice(3, 1)[0], false, "what the application wants comes first");
      assert.deepEqual(compressed.slice(0, 4), expected, JSON.stringify(perMessageDeflate));
    }
  });

  test("Node: binary arrives as Buffer, or as asked for", async () => {
    const socket = open(server.url);
    assert.equal(Buffer.isBuffer(await socket.emitWithAck("echo", Uint8Array.of(1))), true);
    socket.io.engine.binaryType = "arraybuffer";
    assert.equal((await socket.emitWithAck("echo", Uint8Array.of(1))) instanceof ArrayBuffer, true);
  });
}
