import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { test } from "node:test";
import { decode } from "../../src/msgpack/decode.js";
import { encode } from "../../src/msgpack/encode.js";
import { Decoder, Encoder } from "../../src/msgpack/parser.js";

interface Vector {
  name: string;
  packet: any;
  wire: string;
}

interface Vectors {
  packets: Vector[];
  javascript: Vector[];
  decode: Vector[];
  lenient: Vector[];
  errors: { wire: string; error: string; strict?: boolean }[];
}

const vectors: Vectors = JSON.parse(readFileSync(resolve(PACKAGE_ROOT, "../../vectors/msgpack.json"), "utf8"));
const official = createRequire(PACKAGE_ROOT + "/package.json")("socket.io-msgpack-parser");

const wireOf = ({ wire }: { wire: string }) => new Uint8Array(Buffer.from(wire, "hex"));
const hex = (data: Uint8Array) => Buffer.from(data).toString("hex");

/** The values that JSON has no form for. */
function revive(value: any): any {
  if (Array.isArray(value)) return value.map(revive);
  if (!value || typeof value != "object") return value;
  if ("$bytes" in value) return new Uint8Array(Buffer.from(value.$bytes, "base64"));
  if ("$arraybuffer" in value) return new Uint8Array(Buffer.from(value.$arraybuffer, "base64")).buffer;
  if ("$undefined" in value) return undefined;
  if ("$date" in value) return new Date(value.$date);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, revive(item)]));
}

function read(wire: any): any[] {
  const decoder = new Decoder();
  const packets: any[] = [];
  decoder.on("decoded", (packet) => packets.push(packet));
  decoder.add(wire);
  return packets;
}

const has = (value: any, what: string) => JSON.stringify(value).includes(what);
/** Fields that the parser does not know are in the packet too; what is not there equals what is undefined. */
const known = ({ type, nsp, data, id }: any) => ({ type, nsp, data: data ?? undefined, id: id ?? undefined });

for (const vector of [...vectors.packets, ...vectors.javascript]) {
  // Node's official parser writes an ArrayBuffer as an ext, a browser's as bytes; we do as browsers do.
  const both = !has(vector.packet, "$arraybuffer");
  test(`vector, ${both ? "both ways" : "to be read"}: ${vector.name}`, () => {
    const packet = revive(vector.packet);
    if (both) assert.equal(hex(new Encoder().encode(packet)[0]), vector.wire);
    assert.deepEqual(read(wireOf(vector)).map(known), [known(packet)]);
  });
}

for (const vector of vectors.decode) {
  test("vector, to be read: " + vector.name, () => {
    assert.deepEqual(read(wireOf(vector)).map(known), [known(revive(vector.packet))]);
  });
}

test("vectors, to be refused", () => {
  for (const vector of vectors.errors) {
    if (!vector.strict) assert.throws(() => read(wireOf(vector)), Error, `${vector.wire}: ${vector.error}`);
  }
});

test("every_cut_of_a_packet_is_refused", () => {
  for (const vector of vectors.packets) {
    const whole = wireOf(vector);
    for (let i = 0; i < Math.min(whole.length, 200); i++) assert.throws(() => read(whole.subarray(0, i)), Error, vector.name);
  }
});

test("the_official_parser_reads_what_we_write_and_we_what_it_writes", () => {
  const numbers = [0, 127, 128, 255, 256, 65535, 65536, 2 ** 32 - 1, 2 ** 32, 2 ** 53, -1, -32, -33, -128, -129, -32768, -32769];
  const values = [
    ...numbers, -(2 ** 31), -(2 ** 31) - 1, -(2 ** 53), 0.1, -1e300, NaN, Infinity, true, false, null, undefined,
    "", "a".repeat(31), "é".repeat(16), "x".repeat(255), "y".repeat(65535), "€".repeat(30000), "𝒳 and \u0000 and \ufeff",
    new Date(0), new Date(-1), new Date(1e13), Buffer.alloc(0), Buffer.alloc(255, 1), Buffer.alloc(256, 2), Buffer.alloc(70000, 3),
    Array(15).fill(1), Array(16).fill(2), Array(65536).fill(3), {}, { a: { b: [{ c: undefined }] } },
    Object.fromEntries(Array.from({ length: 16 }, (_, i) => ["k" + i, i])), Object.fromEntries(Array.from({ length: 70000 }, (_, i) => ["k" + i, 1])),
    { toJSON: () => ({ from: "toJSON" }) }, { skipped: () => {}, kept: 1 },
  ];
  for (const value of values) {
    const packet = { type: 2, data: ["e", value], options: { compress: true }, id: 3, nsp: "/n" };
    const [theirs] = new official.Encoder().encode(packet);
    const [ours] = new Encoder().encode(packet);
    assert.ok(Buffer.compare(Buffer.from(ours), Buffer.from(theirs)) == 0, String(value).slice(0, 40));
    const decoder = new official.Decoder();
    let decoded: any;
    decoder.on("decoded", (packet: any) => (decoded = packet));
    decoder.add(Buffer.from(ours));
    assert.deepEqual(read(theirs), [decoded]);
  }
});

test("bytes_come_in_the_kind_of_the_message_and_share_no_memory", () => {
  const message = encode(["a", Uint8Array.of(1, 2)]);
  assert.deepEqual(decode(message)[1], Uint8Array.of(1, 2));
  const asBuffer = decode(Buffer.from(message))[1];
  assert.ok(Buffer.isBuffer(asBuffer));
  const asArrayBuffer = decode(message.slice().buffer)[1];
  assert.ok(asArrayBuffer instanceof ArrayBuffer);
  assert.equal(asArrayBuffer.byteLength, 2);
  const source = Buffer.from(message);
  const part = decode(source)[1];
  source.fill(0);
  assert.deepEqual([...part], [1, 2]);
});

test("every_kind_of_binary_travels_as_bytes", () => {
  const all = Uint8Array.of(9, 1, 2, 9);
  for (const value of [Uint8Array.of(1, 2).buffer, all.subarray(1, 3), new DataView(all.buffer, 1, 2), Buffer.from([1, 2])]) {
    assert.equal(hex(encode(value)), "c4020102");
  }
  assert.equal(hex(encode(Uint16Array.of(1))), "c4020100");
});

test("what_cannot_be_carried_throws_and_leaves_nothing_behind", () => {
  // Of Blobs, old browsers cannot read any.
  for (const value of [new Blob(["a"]), Object.assign(new Blob(["a"]), { arrayBuffer: undefined }), 1n, Symbol("s"), () => {}]) {
    assert.throws(() => encode(["before", value]), /msgpack cannot carry a/);
    assert.equal(hex(encode(1)), "01");
  }
});

test("a_to_json_may_encode_something_itself", () => {
  const inner = { toJSON: () => hex(encode([1, 2])) };
  assert.deepEqual(decode(encode({ a: "before", inner, b: "after" })), { a: "before", inner: "920102", b: "after" });
});

test("a_hostile_key_is_an_ordinary_member", () => {
  const value = decode(encode(JSON.parse('{"__proto__":{"polluted":true},"constructor":1}')));
  assert.equal(({} as any).polluted, undefined);
  assert.equal(value.polluted, undefined);
  assert.deepEqual(Object.keys(value), ["__proto__", "constructor"]);
});

test("lengths_that_lie_allocate_nothing", () => {
  for (const wire of ["ddffffffff", "dfffffffff", "c6ffffffff", "dbffffffff", "c9ffffffff00"]) {
    assert.throws(() => decode(new Uint8Array(Buffer.from(wire, "hex"))), /truncated/);
  }
});

test("deep_nesting_is_refused_before_the_stack_ends", () => {
  const deep = (n: number) => new Uint8Array(Buffer.from("91".repeat(n) + "01", "hex"));
  assert.doesNotThrow(() => decode(deep(512)));
  assert.throws(() => decode(deep(513)), /nested too deep/);
  assert.throws(() => decode(deep(1_000_000)), /nested too deep/);
});

test("strings_without_the_platforms_decoder", () => {
  const { TextDecoder } = globalThis;
  const wire = encode(["short é", "long €𝒳 ".repeat(20), "\ufeffbom"]);
  try {
    delete (globalThis as any).TextDecoder;
    assert.deepEqual(decode(wire), ["short é", "long €𝒳 ".repeat(20), "\ufeffbom"]);
    assert.throws(() => decode(Uint8Array.of(0xa1, 0xff)), URIError);
  } finally {
    globalThis.TextDecoder = TextDecoder;
  }
  assert.deepEqual(decode(wire)[2], "\ufeffbom");
});
