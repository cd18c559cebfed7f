import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { Manager } from "../../src/manager.js";
import { FakeTransport, connected, fakeManager, settle } from "./fake.js";

beforeEach(() => {
  FakeTransport.reset();
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
});
afterEach(() => mock.timers.reset());

const EVENTS = ["open", "error", "close", "reconnect_attempt", "reconnect", "reconnect_error", "reconnect_failed"] as const;

function record(manager: Manager): any[][] {
  const log: any[][] = [];
  for (const event of EVENTS) manager.on(event as any, (arg: any) => log.push([event, arg?.message ?? arg]));
  return log;
}

const fixed = { randomizationFactor: 0, reconnectionDelay: 100, reconnectionDelayMax: 400 };

test("options_have_the_official_defaults_and_accessors", () => {
  const manager = fakeManager({ autoConnect: false });
  assert.equal(manager.reconnection(), true);
  assert.equal(manager.reconnectionAttempts(), Infinity);
  assert.equal(manager.reconnectionDelay(), 1000);
  assert.equal(manager.reconnectionDelayMax(), 5000);
  assert.equal(manager.randomizationFactor(), 0.5);
  assert.equal(manager.timeout(), 20000);
  assert.equal(manager.opts.path, "/socket.io");
  assert.equal(manager.reconnectionDelay(7), manager);
  assert.equal(manager.reconnectionDelay(), 7);
  assert.equal(manager.timeout(false).timeout(), false);
  assert.equal(manager.reconnection(false).reconnection(), false);
  assert.equal(FakeTransport.all.length, 0, "autoConnect: false");
});

test("options_alone_are_enough", () => {
  const manager = new Manager({ transports: [FakeTransport], host: "example.com", port: 99 } as any);
  assert.equal(FakeTransport.last.opts.hostname, "example.com");
  assert.equal(FakeTransport.last.opts.port, 99);
  manager.disconnect();
});

test("open_while_open_does_nothing", () => {
  const manager = fakeManager();
  manager.open().connect();
  FakeTransport.last.handshake();
  manager.open();
  assert.equal(FakeTransport.all.length, 1);
});

test("a_listener_of_open_may_close_and_open_again", async () => {
  const manager = fakeManager(fixed);
  const socket = manager.socket("/");
  const log = record(manager);
  manager.once("open", () => socket.disconnect().connect());
  const first = FakeTransport.last;
  first.handshake();
  const second = FakeTransport.last;
  assert.notEqual(first, second);
  second.handshake();
  await settle();
  assert.equal(first.closed, 1, "when it has let out what was written");
  second.receive('40{"sid":"s"}');
  await settle();
  mock.timers.tick(400);
  assert.equal(socket.connected, true);
  assert.equal(FakeTransport.all.length, 2, "no reconnection was needed");
  assert.deepEqual(log, [["open", undefined], ["close", "forced close"], ["open", undefined]]);
});

test("a_connection_that_a_listener_of_open_closes_is_made_again", () => {
  const manager = fakeManager(fixed);
  const log = record(manager);
  manager.once("open", () => manager.engine.close());
  FakeTransport.last.handshake();
  assert.deepEqual(log, [["open", undefined], ["close", "forced close"]]);
  mock.timers.tick(100);
  assert.equal(FakeTransport.all.length, 2);
});

test("a_lost_connection_is_made_again_with_growing_delays", async () => {
  const manager = fakeManager(fixed);
  const log = record(manager);
  FakeTransport.last.handshake();
  FakeTransport.last.lose();
  assert.deepEqual(log, [["open", undefined], ["close", "transport close"]]);
  log.length = 0;
  for (const [i, delay] of [100, 200, 400, 400].entries()) {
    mock.timers.tick(delay - 1);
    assert.equal(FakeTransport.all.length, i + 1, `attempt ${i + 1} not before ${delay}`);
    mock.timers.tick(1);
    assert.equal(FakeTransport.all.length, i + 2, `attempt ${i + 1} at ${delay}`);
    FakeTransport.last.fail("refused");
    assert.deepEqual(log.splice(0), [["reconnect_attempt", i + 1], ["error", "refused"], ["reconnect_error", "refused"]]);
  }
  mock.timers.tick(400);
  FakeTransport.last.handshake();
  assert.deepEqual(log.splice(0), [["reconnect_attempt", 5], ["open", undefined], ["reconnect", 5]]);
  FakeTransport.last.lose();
  mock.timers.tick(100);
  assert.deepEqual(log, [["close", "transport close"], ["reconnect_attempt", 1]], "the delays start again");
});

test("a_first_attempt_that_fails_is_repeated", () => {
  const manager = fakeManager(fixed);
  const log = record(manager);
  FakeTransport.last.fail("refused");
  mock.timers.tick(100);
  assert.deepEqual(log, [["error", "refused"], ["reconnect_attempt", 1]]);
});

test("a_first_attempt_with_a_callback_is_not_repeated", () => {
  const manager = fakeManager({ ...fixed, autoConnect: false });
  const results: unknown[] = [];
  manager.open((err) => void results.push(err?.message));
  FakeTransport.last.fail("refused");
  mock.timers.tick(10_000);
  assert.deepEqual(results.slice(), ["refused"]);
  manager.open((err) => void results.push(err));
  FakeTransport.last.handshake();
  assert.deepEqual(results, ["refused", undefined]);
});

test("giving_up_after_the_attempts", () => {
  const manager = fakeManager({ ...fixed, reconnectionAttempts: 2 });
  const log = record(manager);
  for (const delay of [100, 200, 0]) {
    FakeTransport.last.fail("refused");
    mock.timers.tick(delay);
  }
  mock.timers.tick(10_000);
  assert.deepEqual(
    log.map(([event, arg]) => event + ":" + arg),
    [
      "error:refused",
      "reconnect_attempt:1",
      "error:refused",
      "reconnect_error:refused",
      "reconnect_attempt:2",
      "error:refused",
      "reconnect_failed:undefined",
      "reconnect_error:refused",
    ],
  );
  assert.equal(FakeTransport.all.length, 3);
});

test("a_connection_that_ends_before_the_handshake_is_a_failure_at_once", () => {
  const manager = fakeManager(fixed);
  const log = record(manager);
  FakeTransport.last.opened();
  FakeTransport.last.lose();
  assert.deepEqual(log, [["error", "transport close"]]);
  mock.timers.tick(100);
  FakeTransport.last.opened();
  FakeTransport.last.lose();
  assert.deepEqual(log.slice(1), [
    ["reconnect_attempt", 1],
    ["error", "transport close"],
    ["reconnect_error", "transport close"],
  ]);
  mock.timers.tick(200);
  FakeTransport.last.handshake();
  assert.equal(manager._readyState, "open");
});

test("an_attempt_times_out", () => {
  const manager = fakeManager({ ...fixed, timeout: 50 });
  const log = record(manager);
  mock.timers.tick(50);
  assert.deepEqual(log, [["error", "timeout"]]);
  assert.equal(FakeTransport.all[0].closed, 1);
  mock.timers.tick(100);
  assert.equal(FakeTransport.all.length, 2);
});

test("timeout_zero_is_at_once_and_false_is_never", () => {
  const log = record(fakeManager({ ...fixed, timeout: 0 }));
  mock.timers.tick(1);
  assert.deepEqual(log, [["error", "timeout"]]);
  const other = record(fakeManager({ ...fixed, timeout: false }));
  mock.timers.tick(1e6);
  assert.deepEqual(other, []);
});

test("a_timeout_does_not_strike_after_the_opening", () => {
  const log = record(fakeManager({ timeout: 50 }));
  FakeTransport.last.handshake({ pingInterval: 1e6 });
  mock.timers.tick(1000);
  assert.deepEqual(log, [["open", undefined]]);
});

test("reconnection_false_stays_down", () => {
  const manager = fakeManager({ ...fixed, reconnection: false });
  FakeTransport.last.handshake();
  FakeTransport.last.lose();
  mock.timers.tick(10_000);
  assert.equal(FakeTransport.all.length, 1);
  assert.equal(manager._readyState, "closed");
});

test("reconnection_can_be_ended_while_it_is_under_way", () => {
  const manager = fakeManager(fixed);
  FakeTransport.last.fail();
  manager.once("reconnect_error", () => manager.reconnection(false));
  mock.timers.tick(100);
  FakeTransport.last.fail();
  mock.timers.tick(10_000);
  assert.equal(FakeTransport.all.length, 2);
});

test("a_listener_of_reconnect_attempt_may_close", () => {
  const manager = fakeManager(fixed);
  FakeTransport.last.fail();
  manager.on("reconnect_attempt", () => manager._close());
  mock.timers.tick(10_000);
  assert.equal(FakeTransport.all.length, 1);
});

test("closing_cancels_the_attempt_that_waits_and_connecting_starts_afresh", () => {
  const manager = fakeManager(fixed);
  FakeTransport.last.fail();
  manager._close();
  mock.timers.tick(10_000);
  assert.equal(FakeTransport.all.length, 1);
  manager.connect();
  assert.equal(FakeTransport.all.length, 2);
  FakeTransport.last.handshake();
  FakeTransport.last.lose();
  mock.timers.tick(100);
  assert.equal(FakeTransport.all.length, 3);
});

test("a_socket_that_connects_when_it_is_disconnected_does_not_end_the_reconnection", async () => {
  const { manager, socket, transport } = await connected(fixed);
  socket.on("disconnect", () => socket.connect());
  transport.lose();
  assert.equal(FakeTransport.all.length, 2, "at once");
  mock.timers.tick(500);
  assert.equal(FakeTransport.all.length, 2, "none beside the one that is opening");
  FakeTransport.last.handshake();
  assert.equal(manager._readyState, "open", "it has not been forgotten");
  FakeTransport.last.lose();
  assert.equal(FakeTransport.all.length, 3);
  FakeTransport.last.fail("refused");
  mock.timers.tick(100);
  assert.equal(FakeTransport.all.length, 4, "where it fails, the next one waits");
  FakeTransport.last.handshake();
  assert.equal(manager._readyState, "open");
});

test("an_opening_by_hand_takes_the_place_of_the_attempt_that_waits", () => {
  const manager = fakeManager(fixed);
  FakeTransport.last.handshake();
  FakeTransport.last.lose();
  mock.timers.tick(50);
  const errors: any[] = [];
  manager.open((err) => errors.push(err?.message));
  mock.timers.tick(1000);
  assert.equal(FakeTransport.all.length, 2);
  FakeTransport.last.fail("refused");
  assert.deepEqual(errors, ["refused"]);
  mock.timers.tick(200);
  assert.equal(FakeTransport.all.length, 3, "the attempts go on");
  FakeTransport.last.fail("refused");
  manager.open();
  FakeTransport.last.handshake();
  FakeTransport.last.lose();
  mock.timers.tick(100);
  assert.equal(FakeTransport.all.length, 5, "and again after a success");
});

test("a_socket_that_connects_at_every_error_does_not_hurry_the_attempts", async () => {
  const manager = fakeManager(fixed);
  const socket = manager.socket("/");
  socket.on("connect_error", () => socket.connect());
  for (const delay of [100, 200, 400]) {
    const { length } = FakeTransport.all;
    FakeTransport.last.fail("refused");
    mock.timers.tick(delay - 1);
    assert.equal(FakeTransport.all.length, length);
    mock.timers.tick(1);
    assert.equal(FakeTransport.all.length, length + 1);
  }
  FakeTransport.last.handshake();
  assert.equal(manager._readyState, "open");
});

test("who_ends_the_reconnection_while_it_waits_can_connect_by_hand", () => {
  const manager = fakeManager(fixed);
  const socket = manager.socket("/");
  FakeTransport.last.fail();
  manager.reconnection(false);
  mock.timers.tick(10_000);
  assert.equal(FakeTransport.all.length, 1);
  socket.connect();
  assert.equal(FakeTransport.all.length, 2);
});

test("a_reconnection_that_is_asked_for_twice_waits_once", () => {
  const manager: any = fakeManager({ ...fixed, reconnectionAttempts: 2 });
  const log = record(manager);
  FakeTransport.last.handshake();
  assert.equal(manager.reconnect(), manager, "connected");
  FakeTransport.last.lose();
  assert.equal(manager.reconnect(), manager, "waiting");
  assert.equal(manager.backoff.attempts, 1);
  mock.timers.tick(1000);
  assert.equal(FakeTransport.all.length, 2);
  assert.equal(manager.reconnect(), manager, "opening");
  FakeTransport.last.handshake();
  assert.deepEqual(log.slice(2), [["reconnect_attempt", 1], ["open", undefined], ["reconnect", 1]]);
  manager.disconnect();
  assert.equal(manager.reconnect(), manager, "not wanted");
  mock.timers.tick(1000);
  assert.equal(FakeTransport.all.length, 2);
});

test("a_reconnection_that_is_not_wanted_does_not_keep_anybody_from_connecting", () => {
  const manager = fakeManager(fixed);
  const socket = manager.socket("/");
  manager.reconnection(false).reconnection(true);
  FakeTransport.last.fail();
  mock.timers.tick(1000);
  assert.equal(FakeTransport.all.length, 1);
  socket.connect();
  assert.equal(FakeTransport.all.length, 2);
});

test("every_way_to_lose_a_connection_but_our_own_reconnects", async () => {
  const ways: [string, (t: FakeTransport) => void][] = [
    ["transport close", (t) => t.lose()],
    ["transport close", (t) => t.receive("1")],
    ["transport error", (t) => t.fail()],
    ["parse error", (t) => t.receive("4nonsense")],
    ["parse error", (t) => t.receive(Uint8Array.of(1).buffer)],
    ["ping timeout", () => mock.timers.tick(500)],
    ["forced close", (t) => (t as any).socket.close()],
  ];
  for (const [reason, lose] of ways) {
    FakeTransport.reset();
    const manager = fakeManager(fixed);
    FakeTransport.last.handshake();
    const reasons: string[] = [];
    manager.on("close", (reason) => reasons.push(reason));
    lose(FakeTransport.last);
    await settle();
    assert.deepEqual(reasons, [reason]);
    mock.timers.tick(100);
    assert.equal(FakeTransport.all.length, 2, reason);
    manager._close();
    await settle();
  }
});

test("a_parse_error_closes_the_engine_and_forgets_what_was_half_read", async () => {
  const { manager, socket, transport } = await connected(fixed);
  const reasons: any[] = [];
  socket.on("disconnect", (reason, details) => reasons.push(reason, (details as Error)?.message));
  transport.receive('451-["a",{"_placeholder":true,"num":0}]', '42["b"]');
  assert.deepEqual(reasons, ["parse error", "invalid packet"]);
  assert.equal(transport.closed, 1);
  mock.timers.tick(100);
  FakeTransport.last.handshake();
  FakeTransport.last.receive('40{"sid":"id-2"}', '42["c"]');
  const events: any[] = [];
  socket.onAny((...args) => events.push(args));
  await settle();
  assert.deepEqual(events, [["c"]]);
  manager._close();
});

test("a_disconnection_in_the_payload_of_a_close_packet_counts", async () => {
  const { socket, transport } = await connected(fixed);
  const log: any[] = [];
  socket.on("x", () => log.push("x"));
  socket.on("disconnect", (reason) => log.push(reason));
  transport.receive('42["x"]', "41", "1");
  await settle();
  assert.deepEqual(log, ["x", "io server disconnect"]);
  mock.timers.tick(10_000);
  assert.equal(FakeTransport.all.length, 1);
});

test("packets_are_handed_out_after_reading", async () => {
  const { manager, transport } = await connected();
  const packets: any[] = [];
  manager.on("packet", (packet) => packets.push(packet.data));
  transport.receive('42["a"]', '42["b"]');
  assert.deepEqual(packets, []);
  await settle();
  assert.deepEqual(packets, [["a"], ["b"]]);
  manager._close();
});

test("ping_is_an_event_of_the_manager", async () => {
  const { manager, transport } = await connected();
  let pings = 0;
  manager.on("ping", () => pings++);
  transport.receive("2");
  assert.equal(pings, 1);
  manager._close();
});

test("a_namespace_has_one_socket_which_is_opened_again", async () => {
  const { manager, socket, transport } = await connected();
  assert.equal(manager.socket("/"), socket);
  assert.deepEqual(transport.sent, []);
  const other = manager.socket("/other");
  assert.deepEqual(transport.sent, ["40/other,"]);
  socket.disconnect();
  assert.equal(socket.active, false);
  manager.socket("/");
  assert.equal(socket.active, true);
  await settle();
  assert.deepEqual(transport.sent, ["40/other,", "41", "40"]);
  other.disconnect();
  manager._close();
});

test("the_connection_closes_with_the_last_socket", async () => {
  const { manager, socket, transport } = await connected(fixed);
  const other = manager.socket("/other");
  socket.disconnect();
  assert.equal(transport.closed, 0);
  other.disconnect();
  await settle();
  assert.equal(transport.closed, 1);
  assert.deepEqual(transport.sent, ["40/other,", "41"], "a socket that never connected says nothing");
  mock.timers.tick(10_000);
  assert.equal(FakeTransport.all.length, 1);
});

test("an_attachment_follows_its_header_in_one_batch", async () => {
  const { manager, socket, transport } = await connected();
  manager.engine.on("packetCreate", (packet) => {
    if (packet.data[0] == "5") socket.emit("from a listener");
  });
  const bytes = Uint8Array.of(1);
  socket.emit("b", bytes, bytes);
  await settle();
  assert.deepEqual(transport.batches, [
    ['452-["b",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]', bytes, bytes, '42["from a listener"]'],
  ]);
  manager._close();
});

test("another_parser", async () => {
  const { Emitter } = await import("../../src/emitter.js");
  class Encoder {
    encode(packet: any) {
      return ["<" + JSON.stringify({ type: packet.type, nsp: packet.nsp, data: packet.data })];
    }
  }
  class Decoder extends Emitter<any, any> {
    add(text: string) {
      this.emit("decoded", JSON.parse(text.slice(1)));
    }
    destroy() {}
  }
  FakeTransport.reset();
  const manager = fakeManager({ parser: { Encoder, Decoder } });
  const socket = manager.socket("/");
  FakeTransport.last.handshake();
  assert.deepEqual(FakeTransport.last.sent, ['4<{"type":0,"nsp":"/"}']);
  FakeTransport.last.receive('4<{"type":0,"nsp":"/","data":{"sid":"x"}}');
  await settle();
  assert.equal(socket.id, "x");
  manager._close();
});

test("a_parser_that_takes_its_time_and_lets_go_of_its_listeners", async () => {
  const { Emitter } = await import("../../src/emitter.js");
  const { Encoder } = await import("../../src/parser.js");
  const reading: (() => void)[] = [];
  class Decoder extends Emitter<any, any> {
    add(text: string) {
      reading.push(() => this.emit("decoded", JSON.parse(text)));
    }
    destroy() {
      this.off();
    }
  }
  const manager = fakeManager({ ...fixed, parser: { Encoder, Decoder } });
  const packets: any[] = [];
  manager.on("packet" as any, (packet: any) => packets.push(packet));
  FakeTransport.last.handshake();
  FakeTransport.last.receive("41");
  FakeTransport.last.lose();
  reading.pop()!();
  await settle();
  assert.deepEqual(packets, [], "of a connection that is over");
  mock.timers.tick(100);
  FakeTransport.last.handshake();
  FakeTransport.last.receive("42");
  reading.pop()!();
  await settle();
  assert.deepEqual(packets, [2]);
  manager._close();
});

test("an_application_replaces_the_delay", async () => {
  const { manager, transport } = await connected({ reconnectionDelay: 1000, randomizationFactor: 0 });
  const { backoff } = manager as any;
  assert.deepEqual([backoff.duration(), backoff.duration(), backoff.attempts], [1000, 2000, 2]);
  const original = backoff.duration.bind(backoff);
  backoff.duration = () => original() / 10;
  transport.lose();
  mock.timers.tick(99);
  assert.equal(FakeTransport.all.length, 1);
  mock.timers.tick(1);
  assert.equal(FakeTransport.all.length, 2);
  assert.equal(backoff.attempts, 1);
  manager._close();
});
