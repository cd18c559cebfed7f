// Profile `client`: what the official client's own suite expects of its server. Where recovery is on,
// an offset follows the arguments, so only those that are named are looked at.

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { ask, Clients, next, TRAVELS, VERSIONS } from "../lib/clients.mjs";
import { start } from "../lib/testbed.mjs";

let bed;
before(async () => (bed = await start("client")));
after(() => bed.kill());

for (const [travel, transports] of Object.entries(TRAVELS)) {
  describe(`profile client, ${travel}`, () => {
    const clients = { mine: undefined };
    before(() => (clients.mine = new Clients(bed, VERSIONS["4.8"], transports)));
    afterEach(() => clients.mine.close());

    const connect = async (nsp, options) => {
      const socket = clients.mine.make(nsp, options);
      await next(socket, "connect");
      return socket;
    };
    const same = (bytes, text) => assert.equal(Buffer.from(bytes).toString(), text);

    test("hi, and echo", async () => {
      const socket = await connect();
      const hi = next(socket, "hi");
      socket.emit("hi");
      await hi;
      assert.deepEqual(await ask(socket, "echo", { a: 1 }), [{ a: 1 }]);
    });

    test("the server asks with a callback", async () => {
      const socket = await connect();
      socket.on("ack", (answer) => answer(5, { test: true }));
      const got = next(socket, "got it");
      socket.emit("ack");
      await got;
    });

    test("dates travel as text", async () => {
      const socket = await connect();
      const isDate = (text) => assert.ok(Math.abs(new Date(text) - Date.now()) < 60_000, String(text));
      isDate((await ask(socket, "getAckDate", { test: true }))[0]);
      const date = next(socket, "takeDate");
      socket.emit("getDate");
      isDate((await date)[0]);
      const object = next(socket, "takeDateObj");
      socket.emit("getDateObj");
      isDate((await object)[0].date);
    });

    test("text of many languages", async () => {
      const socket = await connect();
      const texts = [];
      const all = new Promise((resolve) =>
        socket.on("takeUtf8", (text) => texts.push(text) === 5 && resolve()),
      );
      socket.emit("getUtf8");
      await all;
      const last = "utf8 — string";
      assert.deepEqual(texts, ["てすと", "Я Б Г Д Ж Й", "Ä ä Ü ü ß", last, last]);
    });

    test("false is an argument", async () => {
      const socket = await connect();
      const value = next(socket, "false");
      socket.emit("false");
      assert.equal((await value)[0], false);
    });

    test("bytes from the server", async () => {
      const socket = await connect();
      const doge = next(socket, "doge");
      socket.emit("doge");
      same((await doge)[0], "asdfasdf");
      const bin = next(socket, "takebin");
      socket.emit("getbin", Buffer.from("asdfasdf"));
      same((await bin)[0], "asdfasdf");
    });

    test("bytes to the server, alone and in order", async () => {
      const socket = await connect();
      const bytes = Buffer.from("howdy");
      const object = { hello: "lol", message: bytes, goodbye: "gotcha" };
      for (const [events, reply] of [
        [[["buffa", bytes]], "buffack"],
        [[["jsonbuff", object]], "jsonbuff-ack"],
        [[["abuff1", bytes], ["abuff2", "please arrive second"]], "abuff2-ack"],
        [[["blob", bytes]], "back"],
        [[["jsonblob", object]], "jsonblob-ack"],
        [[["blob1", bytes], ["blob2", "second"], ["blob3", Buffer.from("end")]], "blob3-ack"],
      ]) {
        const replied = next(socket, reply);
        for (const event of events) socket.emit(...event);
        await replied;
      }
    });

    test("the namespaces that exist, and their ids", async () => {
      for (const nsp of ["/", "/foo", "/timeout_socket", "/valid", "/asd", "/abc"]) {
        const socket = await connect(nsp);
        assert.ok(socket.id, nsp);
      }
      const foo = await connect("/foo");
      assert.deepEqual(await ask(foo, "getId"), [foo.id]);
      const main = await connect();
      assert.deepEqual(await ask(main, "getId"), [main.id]);
    });

    test("the handshake, told and asked for", async () => {
      const socket = clients.mine.make("/abc", { query: { b: "c" }, auth: { token: 1 } });
      const [handshake] = await next(socket, "handshake");
      assert.equal(handshake.query.b, "c");
      assert.deepEqual(handshake.auth, { token: 1 });
      for (const key of ["headers", "time", "issued", "address", "secure", "xdomain", "url"]) {
        assert.ok(key in handshake, key);
      }
      const main = await connect("/", { query: { d: "e" } });
      assert.equal((await ask(main, "getHandshake"))[0].query.d, "e");
    });

    test("refused, in the main namespace and in another", async () => {
      const main = clients.mine.make("/", { query: { fail: true } });
      assert.equal((await next(main, "connect_error"))[0].message, "Auth failed (main namespace)");
      const no = clients.mine.make("/no");
      assert.equal((await next(no, "connect_error"))[0].message, "Auth failed (custom namespace)");
      const invalid = clients.mine.make("/invalid");
      assert.equal((await next(invalid, "connect_error"))[0].message, "Invalid namespace");
    });
  });
}
