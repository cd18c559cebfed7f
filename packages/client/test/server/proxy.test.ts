/** A network between client and server that delays, splits, cuts and stalls. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Socket as NetSocket } from "node:net";
import { after, before, test } from "node:test";
import { next, open, start, until, wait, WAYS, type Server } from "./util.js";

let server: Server;
before(async () => {
  server = await start();
});
after(() => server.stop());

/** What the network does to a connection's bytes. */
interface Network {
  /** Milliseconds that every piece takes. */
  delay?: number;
  /** Pieces of at most so many bytes. */
  split?: number;
  /** Nothing passes, and nobody is told. */
  stalled?: boolean;
  /** Each connection is cut after so many bytes from the server. */
  cut?: number;
}

async function proxy(network: Network) {
  const pairs = new Set<[NetSocket, NetSocket]>();
  const pipe = (from: NetSocket, to: NetSocket, cut = Infinity) => {
    let passed = 0;
    let last: Promise<void> = Promise.resolve();
    from.on("data", (chunk: Buffer) => {
      const size = network.split ?? chunk.length;
      for (let i = 0; i < chunk.length; i += size) {
        const piece = chunk.subarray(i, i + size);
        last = last.then(async () => {
          if (network.delay) await wait(network.delay);
          while (network.stalled && !to.destroyed) await wait(10);
          if (to.destroyed) return;
          const room = cut - passed;
          passed += piece.length;
          to.write(piece.subarray(0, Math.max(0, room)));
          if (passed >= cut) {
            from.destroy();
            to.destroy();
          }
        });
      }
    });
    from.on("error", () => to.destroy());
    from.on("close", () => void last.then(() => to.end()));
  };
  const listener = createServer((client) => {
    const upstream = connect(server.port, "127.0.0.1");
    const pair: [NetSocket, NetSocket] = [client, upstream];
    pairs.add(pair);
    client.on("close", () => pairs.delete(pair));
    pipe(client, upstream);
    pipe(upstream, client, network.cut);
  }).listen(0, "127.0.0.1");
  await once(listener, "listening");
  const cutAll = () => {
    for (const [client, upstream] of pairs) {
      client.destroy();
      upstream.destroy();
    }
  };
  return {
    network,
    url: "http://127.0.0.1:" + (listener.address() as { port: number }).port,
    cutAll,
    close: () => {
      cutAll();
      listener.close();
    },
  };
}

for (const [way, opts] of WAYS) {
  test(way + ": small and slow pieces", async (t) => {
    const network = await proxy({ delay: 1, split: 37 });
    t.after(network.close);
    const socket = open(network.url, opts);
    const values = Array.from({ length: 20 }, (_, n) => n);
    const answers = await Promise.all(values.map((n) => socket.emitWithAck("echo", n, Uint8Array.of(n))));
    assert.deepEqual(answers, values);
  });

  test(way + ": a connection that is cut again and again", async (t) => {
    const network = await proxy({});
    t.after(network.close);
    // The `fetch` of Node 20 now and then forgets a request whose connection was cut before it was written.
    const patience = { reconnectionDelay: 10, reconnectionDelayMax: 20, timeout: 1000 };
    // So does Deno's `node:http` at any time.
    const socket = open(network.url, { ...opts, ...patience, requestTimeout: "Deno" in globalThis ? 2000 : 0 });
    const reasons = new Set<string>();
    socket.on("disconnect", (reason: string) => reasons.add(reason));
    let answered = 0;
    let failed = 0;
    for (let round = 0; round < 15; round++) {
      const pending = Array.from({ length: 10 }, (_, n) =>
        socket
          .timeout(5000)
          .emitWithAck("echo", n)
          .then(
            (value: number) => {
              assert.equal(value, n);
              answered++;
            },
            (err: Error) => {
              assert.equal(err.message, "socket has been disconnected");
              failed++;
            },
          ),
      );
      // At any moment: while connecting, while upgrading, in the middle of it.
      await wait(round * 4);
      network.cutAll();
      await Promise.all(pending);
    }
    assert.equal(answered + failed, 150, "nothing is left hanging");
    // The last cut may not have been noticed yet.
    await wait(100);
    await until(() => socket.connected);
    assert.equal(await socket.timeout(5000).emitWithAck("echo", "fine"), "fine");
    for (const reason of reasons) assert.match(reason, /^transport (close|error)$/);
  });

  test(way + ": answers that end in the middle", async (t) => {
    const network = await proxy({ cut: 700 });
    t.after(network.close);
    const socket = open(network.url, { ...opts, reconnectionDelay: 10, reconnectionDelayMax: 20 });
    socket.on("connect", () => socket.emit("flood", 20, 100));
    await until(() => socket.io.backoff.attempts > 0 || socket.disconnected);
    await wait(100);
    network.network.cut = undefined;
    // Those from before would still be cut.
    network.cutAll();
    const whole = "whole".repeat(1000);
    let answer: string | undefined;
    for (let i = 0; i < 10 && !answer; i++) {
      await until(() => socket.connected);
      answer = await socket
        .timeout(5000)
        .emitWithAck("echo", whole)
        .catch(() => undefined);
    }
    assert.equal(answer, whole);
  });

  test(way + ": a network that falls silent, while connecting", async (t) => {
    const network = await proxy({ stalled: true });
    t.after(network.close);
    const socket = open(network.url, { ...opts, timeout: 200, reconnectionDelay: 10 });
    const [err] = await next(socket, "connect_error");
    assert.equal(err.message, "timeout");
    network.network.stalled = false;
    assert.equal(await socket.emitWithAck("echo", "at last"), "at last");
  });
}

test("an upgrade that stalls is abandoned and polling goes on", async (t) => {
  const network = await proxy({});
  t.after(network.close);
  const socket = open(server.url, {
    transportOptions: { websocket: { hostname: "127.0.0.1", port: Number(new URL(network.url).port) } },
  });
  network.network.stalled = true;
  assert.equal(await socket.emitWithAck("echo", 1), 1);
  await wait(300);
  assert.equal(socket.io.engine.transport.name, "polling");
  assert.equal(await socket.emitWithAck("echo", 2), 2);
  const failed = next(socket.io.engine, "upgradeError");
  network.cutAll();
  assert.match((await failed)[0].message, /^probe error/);
  assert.equal(await socket.emitWithAck("echo", 3), 3);
});
