/** An engine and its connection: handshake, heartbeat, what is written and read, the end. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { FakeTransport, settle } from "./fake.js";
import { make, record } from "./fake-engine.js";

beforeEach(() => FakeTransport.reset());
afterEach(() => mock.timers.reset());

test("handshake_opens_and_flushes", () => {
  const engine = make();
  const log = record(engine, "handshake", "open", "packet");
  engine.write("early");
  FakeTransport.last.handshake({ sid: "s1" });
  assert.deepEqual(log.map(([name]) => name), ["packet", "handshake", "open"]);
  assert.equal(engine.id, "s1");
  assert.equal(engine.readyState, "open");
  assert.equal(FakeTransport.last.query.sid, "s1");
  assert.deepEqual(FakeTransport.last.sent, ["4early"]);
});

test("a_handshake_that_is_no_json_is_a_transport_error", () => {
  const engine = make();
  const log = record(engine, "error", "close");
  FakeTransport.last.receive("0{");
  assert.deepEqual(log.map(([name, arg]) => [name, arg instanceof Error ? "Error" : arg]), [["error", "Error"], ["close", "transport error"]]);
});

test("an_unreadable_packet_is_a_transport_error", () => {
  const engine = make();
  const log = record(engine, "error", "close");
  FakeTransport.last.receive("<html>");
  assert.equal(log[0][1].message, "server error");
  assert.equal(log[0][1].code, "parser error");
  assert.equal(log[1][1], "transport error");
});

test("ping_is_answered_and_puts_the_deadline_off", () => {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const engine = make();
  const log = record(engine, "close", "ping", "pong");
  FakeTransport.last.handshake({ pingInterval: 300, pingTimeout: 200 });
  mock.timers.tick(400);
  FakeTransport.last.receive("2");
  assert.deepEqual(FakeTransport.last.sent, ["3"]);
  mock.timers.tick(499);
  assert.deepEqual(log, [["ping"], ["pong"]]);
  mock.timers.tick(1);
  assert.deepEqual(log[2], ["close", "ping timeout", undefined]);
  assert.equal(engine.id, null);
  assert.equal(FakeTransport.last.closed, 1);
});

test("other_traffic_does_not_put_the_deadline_off", () => {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const log = record(make(), "close");
  FakeTransport.last.handshake({ pingInterval: 300, pingTimeout: 200 });
  mock.timers.tick(400);
  FakeTransport.last.receive("4x", "6");
  mock.timers.tick(100);
  assert.equal(log.length, 1);
});

test("a_throttled_timer_is_noticed_by_the_clock", async () => {
  const engine = make();
  const log = record(engine, "close");
  FakeTransport.last.handshake();
  assert.equal(engine._hasPingExpired(), false);
  engine._pingTimeoutTime = Date.now() - 1;
  assert.equal(engine._hasPingExpired(), true);
  assert.equal(engine._hasPingExpired(), true);
  assert.deepEqual(log, []);
  await settle();
  assert.deepEqual(log, [["close", "ping timeout", undefined]]);
});

test("writes_wait_for_the_drain_and_go_out_together", async () => {
  const engine = make();
  const transport = FakeTransport.last;
  const log = record(engine, "flush", "drain");
  transport.handshake();
  transport.autoDrain = false;
  engine.write("a").write("b").write("c");
  assert.deepEqual(transport.batches, [["4a"]]);
  assert.equal(engine.writeBuffer.length, 3);
  transport.drain();
  assert.deepEqual(transport.batches, [["4a"], ["4b", "4c"]]);
  assert.equal(engine.writeBuffer.length, 2);
  transport.drain();
  assert.equal(engine.writeBuffer.length, 0);
  assert.deepEqual(log, [["flush"], ["flush"], ["drain"]]);
});

test("write_options_and_callback", () => {
  const engine = make();
  FakeTransport.last.handshake();
  const created = record(engine, "packetCreate");
  let flushed = 0;
  engine.write("a", { compress: false }, () => flushed++);
  engine.send("b", null, () => flushed++);
  (engine as any).write("c", () => flushed++);
  assert.deepEqual(created.map(([, packet]) => packet.options.compress), [false, true, true]);
  assert.equal(flushed, 1);
});

test("polling_batches_keep_to_the_payload_limit", () => {
  class Limited extends FakeTransport {
    override get name(): string {
      return "polling";
    }
  }
  const engine = make({ transports: [Limited] });
  const transport = FakeTransport.last;
  transport.handshake({ maxPayload: 10 });
  transport.autoDrain = false;
  for (const text of ["first", "abc", "defg", "h", "far too long for one payload", "i", "j"]) engine.write(text);
  for (let i = 0; i < 4; i++) transport.drain();
  assert.deepEqual(transport.batches, [["4first"], ["4abc", "4defg"], ["4h"], ["4far too long for one payload"], ["4i", "4j"]]);
});

test("close_lets_out_what_was_written", async () => {
  const engine = make();
  const transport = FakeTransport.last;
  const log = record(engine, "close");
  transport.handshake();
  transport.autoDrain = false;
  engine.write("a").write("b").close();
  engine.write("too late");
  transport.drain();
  assert.equal(engine.readyState, "closing");
  assert.deepEqual(log, []);
  transport.drain();
  assert.deepEqual(transport.sent, ["4a", "4b"]);
  assert.deepEqual(log, [["close", "forced close", undefined]]);
  assert.equal(transport.closed, 1);
  engine.close();
  assert.equal(log.length, 1);
});

test("closing_ends_with_the_heartbeat_when_nothing_drains", () => {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const engine = make();
  const log = record(engine, "close");
  FakeTransport.last.autoDrain = false;
  FakeTransport.last.handshake();
  engine.write("a").close();
  mock.timers.tick(500);
  assert.deepEqual(log, [["close", "ping timeout", undefined]]);
});

test("listeners_of_close_see_what_was_not_sent", () => {
  const engine = make();
  FakeTransport.last.autoDrain = false;
  FakeTransport.last.handshake();
  engine.write("a").write("b");
  let unsent = 0;
  engine.on("close", () => (unsent = engine.writeBuffer.length));
  FakeTransport.last.lose();
  assert.equal(unsent, 2);
  assert.equal(engine.writeBuffer.length, 0);
});

test("a_close_packet_is_a_transport_close_after_what_came_before_it", async () => {
  const engine = make();
  const log = record(engine, "close");
  FakeTransport.last.handshake();
  FakeTransport.last.receive("4last", "1");
  assert.equal(engine.readyState, "open");
  await settle();
  assert.deepEqual(log, [["close", "transport close", { description: "transport closed by the server" }]]);
});

test("binary_comes_in_the_shape_that_was_asked_for", async () => {
  const engine = make();
  const log = record(engine, "data");
  FakeTransport.last.handshake();
  FakeTransport.last.receive(Uint8Array.of(1).buffer, "bAQ==");
  engine.binaryType = "blob";
  FakeTransport.last.receive("bAg==");
  assert.deepEqual(log.slice(0, 2).map(([, data]) => data), [Uint8Array.of(1).buffer, Uint8Array.of(1).buffer]);
  assert.deepEqual(new Uint8Array(await log[2][1].arrayBuffer()), Uint8Array.of(2));
});
