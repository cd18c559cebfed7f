import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBase64, isBinary, toBase64 } from "../../src/binary.js";
import { decodePacket, decodePayload, encodePacket, encodePayload, packetsThatFit, sizeOf, type Packet } from "../../src/packet.js";

const bytes = (...values: number[]) => Uint8Array.from(values);

test("every_type_has_its_digit", () => {
  ["open", "close", "ping", "pong", "message", "upgrade", "noop"].forEach((type: any, digit) => {
    assert.equal(encodePacket({ type, data: "x" }), digit + "x");
    assert.deepEqual(decodePacket(digit + "x"), { type, data: "x" });
    assert.deepEqual(decodePacket(String(digit)), { type });
  });
});

test("bytes_travel_bare_or_as_base64", () => {
  const data = bytes(1, 2, 3, 4);
  assert.equal(encodePacket({ type: "message", data }, true), data);
  assert.equal(encodePacket({ type: "message", data }), "bAQIDBA==");
  assert.deepEqual(decodePacket("bAQIDBA=="), { type: "message", data: data.buffer });
  assert.deepEqual(decodePacket(data.buffer), { type: "message", data: data.buffer });
});

test("a_view_is_sent_without_the_rest_of_its_buffer", () => {
  const view = bytes(9, 1, 2, 9).subarray(1, 3);
  assert.equal(encodePacket({ type: "message", data: view }), "bAQI=");
  assert.equal(encodePacket({ type: "message", data: new DataView(view.buffer, 1, 2) }), "bAQI=");
  assert.equal(encodePacket({ type: "message", data: Uint16Array.of(0x0201) }), "bAQI=");
});

test("hostile_frames_are_errors", () => {
  for (const frame of ["", "7", "a", "length", "b*", "bA", "<!DOCTYPE html>"]) {
    assert.equal(decodePacket(frame).type, "error", JSON.stringify(frame));
  }
});

test("base64_of_all_lengths_and_of_a_large_buffer", () => {
  for (let length = 0; length < 10; length++) {
    const data = bytes(...Array.from({ length }, (_, i) => 255 - i * 7));
    assert.equal(toBase64(data), Buffer.from(data).toString("base64"));
    assert.deepEqual(new Uint8Array(fromBase64(toBase64(data))), data);
  }
  const large = new Uint8Array(300_001).map((_, i) => i * 31);
  assert.equal(toBase64(large), Buffer.from(large).toString("base64"));
});

test("payload_round_trip", () => {
  const packets: Packet[] = [{ type: "message", data: "a€" }, { type: "ping" }, { type: "message", data: bytes(1, 2).buffer }];
  assert.equal(encodePayload(packets), "4a€\x1e2\x1ebAQI=");
  assert.deepEqual(decodePayload(encodePayload(packets)), packets);
});

test("packets_that_fit_counts_exactly", () => {
  const packets: Packet[] = [
    { type: "message", data: "ab" },
    { type: "message", data: "€€" },
    { type: "message", data: bytes(1, 2, 3, 4) },
    { type: "pong" },
  ];
  for (let n = 1; n <= packets.length; n++) {
    const size = Buffer.byteLength(encodePayload(packets.slice(0, n)));
    assert.equal(packetsThatFit(packets, size), n, `${n} in ${size}`);
    if (n > 1) assert.equal(packetsThatFit(packets, size - 1), n - 1);
  }
  assert.equal(packetsThatFit(packets, 1), 1, "one goes in any case");
});

test("the_length_of_a_text_is_never_less_than_what_the_network_sees", () => {
  for (const text of ["", "a", "€", "\ud800", "a\udc00b", "€a€"]) assert.equal(sizeOf(text), Buffer.byteLength(text), text);
  for (const [text, size] of [["é", 3], ["𝄞", 6], ["Я Б Г", 11]] as const) assert.equal(sizeOf(text), size, text);
});

test("what_is_binary", () => {
  for (const value of [bytes(1), bytes(1).buffer, new DataView(new ArrayBuffer(1)), Buffer.from("a"), new Blob(["a"])]) {
    assert.equal(isBinary(value), true);
  }
  for (const value of [null, undefined, 1, "a", {}, [], new Date(), () => {}, new Map([[1, bytes(1)]])]) {
    assert.equal(isBinary(value), false);
  }
});
