// Connection state recovery with stock clients whose connections are cut: what comes back, and that nothing is
// lost or comes twice.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { ask, Clients, next, TRAVELS, VERSIONS } from "../lib/clients.mjs";
import { through } from "../lib/proxy.mjs";
import { better, start } from "../lib/testbed.mjs";
import { sleep, until } from "../lib/util.mjs";

let bed;
let quiet;
before(async () => {
  bed = await start("app", "--recovery", "30000");
  quiet = await start("client");
});
after(() => Promise.all([bed.kill(), quiet.kill()]));

/** Versions from 4.6 on know recovery. */
for (const version of ["4.6", "4.8"]) {
  for (const [travel, transports] of Object.entries(TRAVELS)) {
    describe(`recovery with ${version}, ${travel}`, () => {
      const ends = [];
      after(async () => {
        for (const end of ends) await end();
      });

      /** A way to make clients whose connections can be cut. */
      async function cuttable(server = bed) {
        const network = await through(server.port);
        const clients = new Clients({ url: network.url }, VERSIONS[version], transports);
        ends.push(() => (clients.close(), network.close()));
        return { network, clients };
      }

      /** A client that stays connected. */
      async function steady() {
        const clients = new Clients(bed, VERSIONS["4.8"], ["websocket"]);
        ends.push(() => clients.close());
        return clients.connect();
      }

      /** The connection goes in some way, and the client is back. */
      async function back(socket, lose) {
        await gone(socket, lose);
        await next(socket, "connect");
      }

      /** The connection goes. Over polling there may be none between two requests. */
      async function gone(socket, lose) {
        const disconnected = next(socket, "disconnect");
        lose();
        const again = setInterval(lose, 20);
        await disconnected.finally(() => clearInterval(again));
      }

      /** A client that loses its connection in the middle of an upgrade may not notice it until the next heartbeat. */
      const settled = (socket) =>
        until(() => socket.io.engine.transport.name === transports.at(-1), 5000, "the upgrade");

      test("id, rooms and data come back, and what was missed", async () => {
        const room = `lobby of ${version}, ${travel}`;
        const { network, clients } = await cuttable();
        const socket = await clients.connect("/chat");
        const other = new Clients(bed, VERSIONS["4.8"], ["websocket"]);
        ends.push(() => other.close());
        const neighbour = await other.connect("/chat");
        await ask(socket, "join", room);
        await ask(socket, "set-data", { name: "me" });
        const { id } = socket;
        assert.equal((await ask(socket, "whoami"))[0].recovered, false);
        const heard = [];
        socket.on("msg", (...args) => heard.push(args.slice(0, -1)));
        const welcome = next(socket, "welcome");
        const returned = back(socket, () => network.cut());
        await next(neighbour, "left");
        await ask(neighbour, "room", room, "missed", 1);
        await ask(neighbour, "room", "elsewhere", "not for me");
        await ask(neighbour, "room", id, "for me alone");
        await returned;
        assert.equal((await welcome)[0].recovered, true);
        assert.equal(socket.recovered, true);
        assert.equal(socket.id, id);
        assert.deepEqual(heard, [["missed", 1], ["for me alone"]]);
        assert.equal((await ask(socket, "whoami"))[0].recovered, true);
        assert.deepEqual((await ask(socket, "rooms"))[0], [id, room].sort());
        const [mine] = (await ask(socket, "fetch-sockets", room))[0];
        assert.deepEqual([mine.id, mine.data], [id, { name: "me" }]);
      });

      test("twenty cuts while a room is told numbers and bytes: none is lost, none comes twice", async () => {
        const room = `numbers for ${version}, ${travel}`;
        const { network, clients } = await cuttable();
        const socket = await clients.connect();
        const teller = await steady();
        await ask(socket, "join", room);
        const heard = [];
        socket.on("msg", (n, bytes) => {
          // The offset follows the arguments.
          assert.ok(n % 3 ? typeof bytes === "string" : bytes.length === n % 5);
          heard.push(n);
        });
        let told = 0;
        let telling = true;
        const tell = (async () => {
          while (telling) {
            const n = told++;
            await ask(teller, "room", room, n, ...(n % 3 ? [] : [Buffer.alloc(n % 5)]));
            await sleep(3);
          }
        })();
        const { id } = socket;
        for (let round = 0; round < 20; round++) {
          await until(() => heard.length > round, 5000, "news");
          await settled(socket);
          await back(socket, () => network.cut());
          assert.equal(socket.recovered, true, `round ${round}`);
          assert.equal(socket.id, id);
        }
        telling = false;
        await tell;
        await until(() => heard.length >= told, 5000, "the last");
        assert.deepEqual(heard, Array.from({ length: told }, (_, n) => n));
      });

      better("before any event came, and many times", async () => {
        const { network, clients } = await cuttable(quiet);
        const socket = clients.make("/foo");
        await next(socket, "connect");
        const { id } = socket;
        for (let round = 0; round < 3; round++) {
          await settled(socket);
          await back(socket, () => network.cut());
          assert.equal(socket.recovered, true);
          assert.deepEqual(await ask(socket, "getId"), [id]);
        }
      });

      better("the server has not noticed that the old connection is dead", async () => {
        const room = `deaf with ${version}, ${travel}`;
        const { network, clients } = await cuttable();
        const socket = await clients.connect();
        const teller = await steady();
        await ask(socket, "join", room);
        const { id } = socket;
        const heard = [];
        socket.on("msg", (n) => heard.push(n));
        for (let round = 0; round < 3; round++) {
          await settled(socket);
          const left = next(teller, "left");
          await gone(socket, () => network.lose());
          await ask(teller, "room", room, round);
          await next(socket, "connect");
          assert.equal(socket.recovered, true);
          assert.equal(socket.id, id);
          // Over polling the loss of the pending request tells the server.
          assert.match((await left)[1], /^transport (close|error)$/);
          assert.equal((await left)[0], id);
        }
        assert.deepEqual(heard, [0, 1, 2]);
        assert.deepEqual((await ask(teller, "fetch-sockets", room))[0].map((one) => one.id), [id]);
      });

      test("who leaves on purpose begins anew", async () => {
        const { clients } = await cuttable();
        const socket = await clients.connect();
        const { id } = socket;
        const again = next(socket, "connect");
        socket.disconnect().connect();
        await again;
        assert.equal(socket.recovered, false);
        assert.notEqual(socket.id, id);
      });

      better("the handshake's auth holds what the application gave, and no more", async () => {
        const { network, clients } = await cuttable();
        const socket = await clients.connect("/", { auth: { token: "secret" } });
        await settled(socket);
        for (const lose of [() => network.cut(), () => socket.disconnect().connect()]) {
          const again = next(socket, "connect");
          await gone(socket, lose);
          await again;
          assert.deepEqual((await ask(socket, "handshake"))[0].auth, { token: "secret" });
        }
      });
    });
  }
}

test("msgpack is recovered too", async () => {
  const packed = await start("app", "--recovery", "30000", "--parser", "msgpack");
  const network = await through(packed.port);
  const { default: parser } = await import("socket.io-msgpack-parser");
  const clients = new Clients({ url: network.url }, VERSIONS["4.8"], ["websocket"]);
  try {
    const socket = clients.make("/", { parser });
    await next(socket, "welcome");
    const { id } = socket;
    for (let round = 0; round < 3; round++) {
      const gone = next(socket, "disconnect");
      const back = next(socket, "welcome");
      network.cut();
      await gone;
      assert.equal((await back)[0].recovered, true);
      assert.equal(socket.id, id);
      assert.deepEqual((await ask(socket, "echo", Buffer.from([round])))[0], Buffer.from([round]));
    }
  } finally {
    clients.close();
    await network.close();
    await packed.kill();
  }
});

test("without recovery there is no secret and no offset", async () => {
  const plain = await start("app");
  const clients = new Clients(plain, VERSIONS["4.8"], ["websocket"]);
  try {
    const socket = clients.make();
    const [args] = await Promise.all([next(socket, "welcome"), next(socket, "connect")]);
    assert.equal(args.length, 1);
    assert.equal(socket._pid, undefined);
  } finally {
    clients.close();
    await plain.kill();
  }
});
