// The msgpack parser: what the vectors say is what the official parser does, and values that only it can carry.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, afterEach, before, describe, test } from "node:test";
import parser from "socket.io-msgpack-parser";
import { ask, Clients, next, TRAVELS, VERSIONS } from "../lib/clients.mjs";
import { better, start } from "../lib/testbed.mjs";

const vectors = JSON.parse(readFileSync(new URL("../../../vectors/msgpack.json", import.meta.url), "utf8"));

/** A vector's packet as JavaScript holds it. */
function revive(value) {
  if (Array.isArray(value)) return value.map(revive);
  if (value === null || typeof value !== "object") return value;
  if ("$bytes" in value) return Buffer.from(value.$bytes, "base64");
  if ("$arraybuffer" in value) return new Uint8Array(Buffer.from(value.$arraybuffer, "base64")).buffer;
  if ("$date" in value) return new Date(value.$date);
  if ("$undefined" in value) return undefined;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, revive(item)]));
}

function decode(wire) {
  const decoder = new parser.Decoder();
  let decoded;
  decoder.on("decoded", (packet) => (decoded = packet));
  decoder.add(Buffer.from(wire, "hex"));
  return decoded;
}

describe("the official parser and the vectors", () => {
  for (const { name, packet, wire } of [...vectors.packets, ...vectors.javascript]) {
    test(name, () => {
      const [encoded] = new parser.Encoder().encode(revive(packet));
      assert.equal(encoded.toString("hex"), wire);
      assert.deepEqual(decode(wire), revive(packet));
    });
  }
  for (const { name, packet, wire } of vectors.decode) {
    test(name, () => {
      const decoded = decode(wire);
      for (const [field, value] of Object.entries(revive(packet))) assert.deepEqual(decoded[field], value);
    });
  }
  for (const { wire, error, strict } of vectors.errors) {
    test(`${error}: ${wire.slice(0, 80)}`, () => {
      if (strict) assert.doesNotThrow(() => decode(wire));
      else assert.throws(() => decode(wire));
    });
  }
});

let bed;
before(async () => (bed = await start("app", "--parser", "msgpack", "--recovery", "60000")));
after(() => bed.kill());

for (const [travel, transports] of Object.entries(TRAVELS)) {
  describe(`values, ${travel}`, () => {
    let clients;
    before(() => (clients = new Clients(bed, VERSIONS["4.8"], transports, { parser })));
    afterEach(() => clients.close());

    test("numbers of every size and kind", async () => {
      const socket = await clients.connect();
      const numbers = [0, -1, 127, 128, -32, -33, 255, 256, -128, -129, 65535, 65536, -32768, -32769];
      numbers.push(2 ** 31, 2 ** 32 - 1, 2 ** 32, -(2 ** 31), -(2 ** 31) - 1, 2 ** 53 - 1, -(2 ** 53), 1e19);
      // Whole numbers past 2^64 are mangled by the client itself, which writes them as integers.
      numbers.push(0.5, -0.1, Math.PI, 5e-324, 1e-300);
      assert.deepEqual(await ask(socket, "echo", ...numbers), numbers);
    });

    test("undefined is null among arguments, and nothing in an object", async () => {
      const socket = await clients.connect();
      const [first, object, last] = await ask(socket, "echo", undefined, { a: undefined, b: [undefined] }, 1);
      // A server in JavaScript answers with undefined itself.
      assert.equal(first ?? null, null);
      assert.equal(object.a, undefined);
      assert.equal(object.b[0] ?? null, null);
      assert.equal(last, 1);
    });

    test("dates arrive as moments", async () => {
      const socket = await clients.connect();
      const dates = [new Date(0), new Date(1763702445678), new Date(-1), new Date(8.64e15)];
      const back = await ask(socket, "echo", ...dates);
      assert.deepEqual(back.map((date) => new Date(date).getTime()), dates.map((date) => date.getTime()));
    });

    test("bytes in every form", async () => {
      const socket = await clients.connect();
      const forms = [Buffer.from([1, 2]), new Uint8Array([3]), new Uint8Array(8).buffer, new Uint8Array(300), Buffer.alloc(0)];
      const back = await ask(socket, "echo", ...forms);
      assert.deepEqual(back.map((bytes) => bytes.byteLength ?? bytes.length), [2, 1, 8, 300, 0]);
    });

    test("more bytes than JSON packets may have", async () => {
      const socket = await clients.connect();
      const many = Array.from({ length: 50 }, (_, i) => Buffer.from([i]));
      const [back] = await ask(socket, "echo", many);
      assert.deepEqual(back.map((bytes) => bytes[0]), many.map((bytes) => bytes[0]));
    });

    test("text of every kind, and long", async () => {
      const socket = await clients.connect();
      const texts = ["", "\0\u0001\"\\\n", "é日本😀", "a".repeat(31), "b".repeat(32), "c".repeat(300), "é".repeat(40_000)];
      assert.deepEqual(await ask(socket, "echo", ...texts), texts);
    });

    test("what looks like a placeholder stays what it is", async () => {
      const socket = await clients.connect();
      const value = { _placeholder: true, num: 0 };
      assert.deepEqual(await ask(socket, "echo", value), [value]);
    });

    better("another parser's client is refused and told why", async () => {
      const socket = clients.make("/chat", { parser: undefined });
      const [error] = await next(socket, "connect_error");
      assert.equal(error.message, "this namespace uses the msgpack parser");
    });

    test("recovery: the same socket again, and what it missed", async () => {
      const socket = await clients.connect("/chat");
      const watcher = await clients.connect("/chat");
      assert.equal((await ask(socket, "whoami"))[0].recovered, false);
      const { id } = socket;
      await ask(socket, "join", "room");
      // An event with an offset, to know from where on.
      const heard = next(socket, "msg");
      await ask(watcher, "room", "room", "before");
      assert.equal((await heard)[0], "before");
      const gone = next(socket, "disconnect");
      socket.io.engine.close();
      await gone;
      const missed = next(socket, "msg");
      await ask(watcher, "room", "room", "while away", Buffer.from([1, 2]));
      await next(socket, "connect");
      assert.deepEqual([socket.recovered, socket.id], [true, id]);
      const [text, bytes] = await missed;
      assert.deepEqual([text, [...bytes]], ["while away", [1, 2]]);
    });
  });
}
