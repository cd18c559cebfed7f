import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeFrame, readFrames } from "../../src/frames.js";

const bytes = (n: number) => Uint8Array.from({ length: n }, (_, i) => i % 251);
const hex = (data: Uint8Array) => Buffer.from(data).toString("hex");

/** Reads chunks as a stream would give them. */
async function read(chunks: Uint8Array[]): Promise<any[]> {
  const packets: any[] = [];
  const queue = chunks.slice();
  await readFrames(
    async () => queue.shift(),
    (packet) => packets.push(packet),
  );
  return packets;
}

test("the_header_of_each_length", () => {
  for (const [length, binary, header] of [
    [1, false, "01"],
    [125, false, "7d"],
    [126, false, "7e007e"],
    [65535, false, "7effff"],
    [65536, false, "7f0000000000010000"],
    [1, true, "81"],
    [125, true, "fd"],
    [126, true, "fe007e"],
    [65535, true, "feffff"],
    [70000, true, "ff0000000000011170"],
  ] as const) {
    const frame = encodeFrame(binary ? bytes(length) : "4".repeat(length));
    assert.equal(hex(frame.subarray(0, header.length / 2)), header);
    assert.equal(frame.length, header.length / 2 + length);
  }
});

test("a_text_is_utf8_and_its_length_counts_bytes", () => {
  assert.equal(hex(encodeFrame("4€")), "0434e282ac");
  assert.equal(hex(encodeFrame("2probe")), "063270726f6265");
});

test("a_view_counts_only_what_it_shows", () => {
  const view = new Uint8Array(bytes(10).buffer, 2, 3);
  assert.equal(hex(encodeFrame(view)), "83020304");
  assert.equal(hex(encodeFrame(view.slice().buffer)), "83020304");
  assert.equal(hex(encodeFrame(new DataView(view.buffer, 3, 1))), "8103");
});

test("what_is_encoded_is_read_however_it_is_cut", async () => {
  const packets = ["2", "4hello €", bytes(3), "4" + "x".repeat(130), bytes(300), bytes(66000), "6"];
  const all = Buffer.concat(packets.map((packet) => encodeFrame(packet)));
  for (const size of [1, 2, 3, 7, 128, 1000, 65536, all.length]) {
    const chunks = [];
    for (let i = 0; i < all.length; i += size) chunks.push(new Uint8Array(all.subarray(i, i + size)));
    const read_ = await read(chunks);
    assert.deepEqual(
      read_.map((packet) => (typeof packet == "string" ? packet : new Uint8Array(packet))),
      packets,
      "in chunks of " + size,
    );
    assert.ok(read_.every((packet) => typeof packet == "string" || packet instanceof ArrayBuffer));
  }
});

test("bytes_that_are_handed_out_pin_no_other_bytes", async () => {
  const [packet] = await read([new Uint8Array(Buffer.concat([encodeFrame(bytes(2)), encodeFrame(bytes(50_000))]))]);
  assert.equal(packet.byteLength, 2);
});

test("a_frame_that_breaks_the_rules_is_refused", async () => {
  for (const frame of ["00", "80", "05343434", "7e0000", "7e00", "ff0020000000000000ff", "7fffffffffffffffff34"]) {
    await assert.rejects(read([new Uint8Array(Buffer.from(frame, "hex"))]), /invalid frame/, frame);
  }
});

test("an_end_between_two_frames_is_an_end", async () => {
  assert.deepEqual(await read([]), []);
  assert.deepEqual(await read([encodeFrame("2")]), ["2"]);
});
