import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { test } from "node:test";
import { Decoder, Encoder } from "../../src/parser.js";
import type { Packet } from "../../src/protocol.js";

interface Vector {
  name: string;
  packet: Packet;
  /** The text, then the attachments in base64. */
  wire: string[];
}

interface Vectors {
  /** Both ways. */
  packets: Vector[];
  /** Only to be read: encoders write it in another way. */
  decode: Vector[];
  /** To be refused; `strict`: a lenient decoder may accept it. */
  errors: { input: (string | { $bytes: string })[]; error: string; strict?: boolean }[];
}

const vectors: Vectors = JSON.parse(readFileSync(resolve(PACKAGE_ROOT, "../../vectors/socket.json"), "utf8"));

const bytes = (base64: string) => new Uint8Array(Buffer.from(base64, "base64")).buffer;

/** Puts bytes where a vector says {"$bytes": base64}. */
const revive = (value: any): any =>
  JSON.parse(JSON.stringify(value), (_, item) => (item && typeof item.$bytes == "string" ? bytes(item.$bytes) : item));

const framesOf = ({ wire }: Vector) => [wire[0], ...wire.slice(1).map(bytes)];

function decode(...frames: any[]): Packet[] {
  const decoder = new Decoder();
  const packets: Packet[] = [];
  decoder.on("decoded", (packet) => packets.push(packet));
  for (const frame of frames) decoder.add(frame);
  return packets;
}

for (const vector of vectors.packets) {
  test("vector, both ways: " + vector.name, () => {
    const packet = revive(vector.packet);
    assert.deepEqual(new Encoder().encode({ ...packet }), framesOf(vector));
    assert.deepEqual(decode(...framesOf(vector)), [packet]);
  });
}

for (const vector of vectors.decode) {
  test("vector, to be read: " + vector.name, () => {
    assert.deepEqual(decode(...framesOf(vector)), [revive(vector.packet)]);
  });
}

test("vectors, to be refused", () => {
  for (const { input, error, strict } of vectors.errors) {
    const frames = revive(input);
    const refused = () => assert.throws(() => decode(...frames), Error, `${JSON.stringify(input).slice(0, 80)}: ${error}`);
    if (!strict) refused();
    else {
      try {
        decode(...frames);
      } catch (err) {
        assert.equal(err instanceof Error, true);
      }
    }
  }
});

test("what_the_official_decoder_accepts", () => {
  const cases: [string, object][] = [
    ["2", { type: 2, nsp: "/" }],
    ["0/admin", { type: 0, nsp: "/admin" }],
    ['0/admin?x=1,{"a":1}', { type: 0, nsp: "/admin?x=1", data: { a: 1 } }],
    ["1/admin", { type: 1, nsp: "/admin" }],
    ["1/admin,", { type: 1, nsp: "/admin" }],
    ["2[1]", { type: 2, nsp: "/", data: [1] }],
    ['2["message"]', { type: 2, nsp: "/", data: ["message"] }],
    ['212["a"]', { type: 2, nsp: "/", id: 12, data: ["a"] }],
    ['2/a,12["a"]', { type: 2, nsp: "/a", id: 12, data: ["a"] }],
    ["2/a", { type: 2, nsp: "/a" }],
    ["3[]", { type: 3, nsp: "/", data: [] }],
    ["31", { type: 3, nsp: "/", id: 1 }],
    ['4"x"', { type: 4, nsp: "/", data: "x" }],
    ["4{}", { type: 4, nsp: "/", data: {} }],
    ['2["a"] ', { type: 2, nsp: "/", data: ["a"] }],
    ['2["a\\nb","\u2028"]', { type: 2, nsp: "/", data: ["a\nb", "\u2028"] }],
  ];
  for (const [text, packet] of cases) assert.deepEqual(decode(text), [packet], text);
});

test("violations_throw", () => {
  const cases: [string, RegExp][] = [
    ["", /invalid packet/],
    ["7", /invalid packet/],
    ["a", /invalid packet/],
    ["1{}", /invalid packet/],
    ['1""', /invalid packet/],
    ["2[]", /invalid packet/],
    ["2[null]", /invalid packet/],
    ["2{}", /invalid packet/],
    ['2["connect"]', /invalid packet/],
    ['2["connect_error"]', /invalid packet/],
    ['2["disconnect"]', /invalid packet/],
    ['2["disconnecting"]', /invalid packet/],
    ['2["newListener"]', /invalid packet/],
    ['2["removeListener"]', /invalid packet/],
    ["4", /invalid packet/],
    ["4[]", /invalid packet/],
    ["41", /invalid packet/],
    ["0[]", /invalid packet/],
    ["0null", /invalid packet/],
    ["3{}", /invalid packet/],
    ['50-["a"]', /invalid packet/],
    ['5-["a"]', /invalid packet/],
    ['51["a"]', /invalid packet/],
    ['51.5-["a"]', /invalid packet/],
    ['5 1-["a"]', /invalid packet/],
    ['51e0-["a"]', /invalid packet/],
    ['5999999999999999999999-["a"]', /invalid packet/],
    ['511-["a"]', /invalid packet/],
    ['2["a"]x', /JSON|position|token/i],
    ['2["a"', /JSON|position|token/i],
    ["2,1[]", /JSON|position|token|invalid packet/i],
    ['51-["a",{"_placeholder":true}]', /invalid packet/],
    ['51-["a",{"_placeholder":true,"num":1}]', /invalid packet/],
    ['51-["a",{"_placeholder":true,"num":-1}]', /invalid packet/],
    ['51-["a",{"_placeholder":true,"num":0.5}]', /invalid packet/],
    ['51-["a",{"_placeholder":true,"num":"splice"}]', /invalid packet/],
    ['51-["a",{"_placeholder":true,"num":null}]', /invalid packet/],
    ['51-[{"_placeholder":true,"num":0}]', /invalid packet/],
  ];
  for (const [text, message] of cases) assert.throws(() => decode(text), message, text);
});

test("frames_out_of_turn_throw", () => {
  assert.throws(() => decode(bytes("AQ==")), /invalid packet/);
  assert.throws(() => decode('51-["a",{"_placeholder":true,"num":0}]', '2["b"]'), /invalid packet/);
  assert.throws(() => decode(1 as any), /invalid packet/);
});

test("destroy_forgets_a_packet_that_waits_for_attachments", () => {
  const decoder = new Decoder();
  const packets: Packet[] = [];
  decoder.on("decoded", (packet) => packets.push(packet));
  decoder.add('52-["a",{"_placeholder":true,"num":0}]');
  decoder.add(bytes("AQ=="));
  decoder.destroy();
  decoder.add('2["b"]');
  assert.deepEqual(packets.map(({ data }) => data), [["b"]]);
});

test("attachments_may_be_unused_or_used_twice", () => {
  const one = bytes("AQ==");
  const [packet] = decode('52-["a",{"_placeholder":true,"num":1},[{"_placeholder":true,"num":1}]]', bytes("Ag=="), one);
  assert.deepEqual(packet, { type: 2, nsp: "/", data: ["a", one, [one]] });
  assert.equal(packet.data[1], one);
});

test("a_placeholder_in_a_text_packet_is_data", () => {
  const data = ["a", { _placeholder: true, num: 0 }];
  assert.deepEqual(decode("2" + JSON.stringify(data))[0].data, data);
});

test("hostile_keys_pollute_nothing", () => {
  const [packet] = decode('51-["a",{"__proto__":{"_placeholder":true,"num":0},"x":1}]', bytes("AQ=="));
  const object = packet.data[1];
  assert.equal(Object.getPrototypeOf(object), Object.prototype);
  assert.deepEqual(Object.getOwnPropertyDescriptor(object, "__proto__")!.value, bytes("AQ=="));
  assert.equal(({} as any)._placeholder, undefined);
});

test("deep_nesting_is_an_error_or_a_value_but_no_crash", () => {
  const deep = "[".repeat(200_000) + "]".repeat(200_000);
  for (const text of ['2["a",' + deep + "]", '51-["a",' + deep + ',{"_placeholder":true,"num":0}]']) {
    try {
      decode(text, ...(text[0] == "5" ? [bytes("AQ==")] : []));
    } catch (err) {
      assert.ok(err instanceof Error);
    }
  }
});

test("encoding_leaves_the_arguments_alone", () => {
  const buffer = Buffer.from([1, 2]);
  const data = ["a", { b: [buffer], d: new Date(0), u: undefined, n: null }];
  const frames = new Encoder().encode({ type: 2, nsp: "/", data, id: 0 });
  assert.deepEqual(frames, ['51-0["a",{"b":[{"_placeholder":true,"num":0}],"d":"1970-01-01T00:00:00.000Z","n":null}]', buffer]);
  assert.equal((data[1] as any).b[0], buffer);
});

test("to_json_is_honoured_also_where_it_yields_binary", () => {
  const view = Uint8Array.of(1);
  const frames = new Encoder().encode({ type: 3, nsp: "/x", data: [{ toJSON: () => ({ view }) }], id: 7 });
  assert.deepEqual(frames, ['61-/x,7[{"view":{"_placeholder":true,"num":0}}]', view]);
});

test("what_json_cannot_say_throws_at_the_emitter", () => {
  const loop: any[] = ["a"];
  loop.push(loop);
  for (const data of [loop, ["a", 1n]]) assert.throws(() => new Encoder().encode({ type: 2, nsp: "/", data }));
});

test("binary_is_found_wherever_json_looks", () => {
  const bytes = Uint8Array.of(1);
  const wire = (value: any) => new Encoder().encode({ type: 2, nsp: "/", data: ["e", value] });
  assert.deepEqual(wire({ a: [{ b: bytes }] }), ['51-["e",{"a":[{"b":{"_placeholder":true,"num":0}}]}]', bytes]);
  assert.deepEqual(wire({ toJSON: () => [bytes] }), ['51-["e",[{"_placeholder":true,"num":0}]]', bytes]);
  assert.deepEqual(wire({ toJSON: () => bytes }), ['51-["e",{"_placeholder":true,"num":0}]', bytes]);
  assert.deepEqual(wire([{ toJSON: () => bytes.buffer }]), ['51-["e",[{"_placeholder":true,"num":0}]]', bytes.buffer]);
  assert.deepEqual(wire([bytes, null, bytes]).length, 3);
  assert.deepEqual(wire({ toJSON: () => 1, hidden: bytes }), ['2["e",1]']);
  assert.deepEqual(wire(new Map([[1, bytes]])), ['2["e",{}]']);
  const itself: any = { a: 1, toJSON: () => itself };
  assert.deepEqual(wire(itself), ['2["e",{"a":1}]']);
});
