/** What waits to be sent, and what becomes of those who wait for an answer: limits, keys, signals. */
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import * as parser from "../../src/msgpack.js";
import { FakeTransport, connected, fakeManager, faked, fixed, settle } from "./fake.js";

faked();

const FULL = /buffer is full/;

/** A socket that is not connected yet. */
function offline(opts: any): any {
  return fakeManager().socket("/", opts);
}

const waiting = (socket: any) => socket.sendBuffer.map(({ data }: any) => data[0]);

test("without_a_limit_everything_waits", () => {
  const socket = offline({});
  for (let i = 0; i < 1000; i++) socket.emit("e", "x".repeat(1000));
  assert.equal(socket.sendBuffer.length, 1000);
});

test("beyond_the_limit_emit_throws_and_nothing_is_left_behind", () => {
  // 2["a","€"] has 10 bytes of UTF-8 and a one for the type.
  const socket = offline({ bufferLimit: 24, ackTimeout: 50 });
  socket.emit("a", "€").emit("b", "€");
  assert.throws(() => socket.emit("c", "€", () => assert.fail()), FULL);
  assert.deepEqual(waiting(socket), ["a", "b"]);
  assert.deepEqual(Object.keys(socket.acks), []);
  mock.timers.tick(100);
});

test("the_size_of_what_waits_is_not_put_on_the_wire", async () => {
  const socket: any = fakeManager({ parser }).socket("/", { bufferLimit: 1000 });
  const [decoder, packets] = [new parser.Decoder(), [] as any[]];
  decoder.on("decoded", (packet) => packets.push(packet));
  socket.emit("waits");
  FakeTransport.last.handshake();
  FakeTransport.last.receive(new parser.Encoder().encode({ type: 0, nsp: "/", data: { sid: "s" } })[0]);
  await settle();
  socket.emit("goes at once");
  await settle();
  for (const message of FakeTransport.last.sent.slice(1)) decoder.add(message);
  assert.deepEqual(packets.map(({ data }) => data), [["waits"], ["goes at once"]]);
  for (const packet of packets) assert.deepEqual(Object.keys(packet).sort(), ["data", "nsp", "options", "type"]);
});

test("a_promise_is_rejected_beyond_the_limit", async () => {
  await assert.rejects(offline({ bufferLimit: 5 }).emitWithAck("a"), FULL);
});

test("attachments_count", () => {
  const socket = offline({ bufferLimit: 200, bufferPolicy: "drop-newest" });
  socket.emit("a", new Uint8Array(150)).emit("b", new Uint8Array(10)).emit("c", new Blob(["x".repeat(300)]));
  assert.deepEqual(waiting(socket), ["a"]);
});

test("drop_newest_keeps_what_waits_and_tells_the_new_one", () => {
  const socket = offline({ bufferLimit: 12, bufferPolicy: "drop-newest" });
  const log: any[] = [];
  socket.emit("a").emit("b");
  socket.timeout(1000).emit("c", (err: any) => log.push(err.message));
  socket.emit("d", () => assert.fail("a plain acknowledgement is not called"));
  assert.deepEqual(waiting(socket), ["a", "b"]);
  assert.match(log[0], FULL);
  mock.timers.tick(2000);
  assert.equal(log.length, 1);
});

test("drop_oldest_makes_room_and_tells_the_old_ones", () => {
  const socket = offline({ bufferLimit: 18, bufferPolicy: "drop-oldest" });
  const log: any[] = [];
  socket.timeout(1000).emit("a", (err: any) => log.push("a", err.message));
  socket.emit("b", () => assert.fail()).emit("c").emit("0123456");
  assert.deepEqual(waiting(socket), ["c", "0123456"].slice(-socket.sendBuffer.length));
  assert.equal(log[0], "a");
  assert.match(log[1], FULL);
  socket.emit("x".repeat(100));
  assert.ok(!waiting(socket).includes("x".repeat(100)), "what is larger than the limit pushes nothing out");
  assert.ok(waiting(socket).includes("0123456"));
});

test("the_limit_is_for_what_waits_not_for_what_is_sent", async () => {
  const { socket, transport } = await connected(fixed, "/", { bufferLimit: 10 });
  for (let i = 0; i < 10; i++) socket.emit("e", "x".repeat(100));
  await settle();
  assert.equal(transport.sent.length, 10);
});

test("with_retries_the_limit_is_for_the_queue_and_spares_what_is_under_way", async () => {
  const { socket, transport } = await connected(fixed, "/", { retries: 1, ackTimeout: 50, bufferLimit: 18, bufferPolicy: "drop-oldest" });
  const log: any[] = [];
  for (const name of ["a", "b", "c", "d"]) socket.emit(name, (err: any) => log.push(name, err?.message ?? null));
  assert.deepEqual(socket._queue.map(({ args }: any) => args[0]), ["a", "c", "d"]);
  assert.deepEqual(log.splice(0), ["b", "buffer is full"]);
  await settle();
  transport.receive("430[]");
  await settle();
  transport.receive("431[]");
  await settle();
  assert.deepEqual(log, ["a", null, "c", null]);
});

test("with_retries_emit_throws_beyond_the_limit", async () => {
  const { socket } = await connected(fixed, "/", { retries: 1, ackTimeout: 50, bufferLimit: 8 });
  socket.emit("a");
  assert.throws(() => socket.emit("b"), FULL);
  assert.equal(socket._queue.length, 1);
});

test("ack_errors_turns_silence_into_an_error", async () => {
  const { socket, transport } = await connected(fixed, "/", { ackErrors: true });
  const log: any[] = [];
  socket.emit("plain", (...args: any[]) => log.push(args));
  transport.lose();
  assert.equal(log.length, 1);
  assert.equal(log[0].length, 1);
  assert.match(log[0][0].message, /socket has been disconnected/);
  assert.deepEqual(Object.keys((socket as any).acks), []);
});

test("every_try_of_an_event_carries_the_same_key_and_every_event_its_own", async () => {
  const { socket, transport } = await connected(fixed, "/", { retries: 2, ackTimeout: 50, idempotencyKey: true });
  socket.emit("a", 1, () => {});
  socket.emit("b");
  await settle();
  mock.timers.tick(50);
  await settle();
  transport.receive("431[]");
  await settle();
  const [first, second, third] = transport.sent.map((frame) => JSON.parse(frame.slice(3)));
  assert.deepEqual(first.slice(0, 2), ["a", 1]);
  assert.match(first[2], /^[0-9a-z.]{6,}$/);
  assert.deepEqual(second, first);
  assert.equal(third[0], "b");
  assert.notEqual(third[1], first[2]);
});

test("the_application_may_make_the_key", async () => {
  const idempotencyKey = (event: string, ...args: any[]) => event + "-" + args.join();
  const { socket, transport } = await connected(fixed, "/", { retries: 1, ackTimeout: 50, idempotencyKey });
  socket.emit("a", 1, 2);
  assert.deepEqual(transport.sent, ['420["a",1,2,"a-1,2"]']);
});

test("without_retries_there_is_no_key", async () => {
  const { socket, transport } = await connected(fixed, "/", { idempotencyKey: true });
  socket.emit("a");
  assert.deepEqual(transport.sent, ['42["a"]']);
});

test("a_signal_gives_up_what_was_not_sent", async () => {
  const { socket, transport } = await connected(fixed);
  transport.lose();
  const abort = new AbortController();
  socket.emit("before");
  const promise = socket.signal(abort.signal).emitWithAck("a");
  socket.emit("after");
  abort.abort(new Error("changed my mind"));
  await assert.rejects(promise, /changed my mind/);
  assert.deepEqual(waiting(socket), ["before", "after"]);
  assert.deepEqual(Object.keys((socket as any).acks), []);
});

test("a_signal_stops_waiting_for_an_answer", async () => {
  const { socket, transport } = await connected(fixed);
  const abort = new AbortController();
  const promise = socket.signal(abort.signal).emitWithAck("a");
  assert.deepEqual(transport.sent, ['420["a"]']);
  abort.abort();
  await assert.rejects(promise, { name: "AbortError" });
  transport.receive("430[1]");
  await settle();
  assert.equal(socket.connected, true);
});

test("a_signal_that_was_given_before_sends_nothing", async () => {
  const { socket, transport } = await connected(fixed);
  await assert.rejects(socket.signal(AbortSignal.abort()).emitWithAck("a"), { name: "AbortError" });
  assert.deepEqual(transport.sent, []);
  socket.volatile;
  socket.emit("b");
  assert.deepEqual(transport.sent, ['42["b"]'], "the next event has no signal");
});

test("an_answer_forgets_the_signal", async () => {
  const { socket, transport } = await connected(fixed);
  const abort = new AbortController();
  let listeners = 0;
  const { addEventListener, removeEventListener } = abort.signal;
  abort.signal.addEventListener = function (this: any, ...args: any) {
    listeners++;
    return (addEventListener as any).apply(this, args);
  };
  abort.signal.removeEventListener = function (this: any, ...args: any) {
    listeners--;
    return (removeEventListener as any).apply(this, args);
  };
  const promise = socket.signal(abort.signal).emitWithAck("a");
  assert.equal(listeners, 1);
  transport.receive("430[7]");
  assert.equal(await promise, 7);
  assert.equal(listeners, 0);
});

test("with_retries_a_signal_takes_the_event_out_of_the_queue", async () => {
  const { socket, transport } = await connected(fixed, "/", { retries: 5, ackTimeout: 50 });
  const head = new AbortController();
  const later = new AbortController();
  const first = socket.signal(head.signal).emitWithAck("a");
  const second = socket.signal(later.signal).emitWithAck("b");
  const third = socket.emitWithAck("c");
  later.abort();
  await assert.rejects(second, { name: "AbortError" });
  head.abort();
  await assert.rejects(first, { name: "AbortError" });
  await settle();
  assert.deepEqual(transport.sent, ['420["a"]', '421["c"]']);
  transport.receive("430[]", "431[3]");
  assert.equal(await third, 3);
  mock.timers.tick(1000);
  await settle();
  assert.equal(transport.sent.length, 2);
});

test("with_a_signal_a_promise_of_what_is_dropped_at_once_says_so", async () => {
  const abort = new AbortController();
  const socket = offline({ bufferLimit: 5, bufferPolicy: "drop-newest" });
  await assert.rejects(socket.signal(abort.signal).emitWithAck("a"), FULL);
  abort.abort();
  await settle();
  assert.deepEqual(waiting(socket), []);
  const queued = offline({ bufferLimit: 5, bufferPolicy: "drop-newest", retries: 3 });
  await assert.rejects(queued.signal(new AbortController().signal).emitWithAck("a"), FULL);
});

test("a_signal_is_not_listened_to_where_nothing_was_sent", async () => {
  const { signal } = new AbortController();
  let listeners = 0;
  signal.addEventListener = () => void listeners++;
  signal.removeEventListener = () => void listeners--;
  await assert.rejects(offline({}).signal(signal).emitWithAck("connect"), /reserved event name/);
  await assert.rejects(offline({ bufferLimit: 5 }).signal(signal).emitWithAck("a"), FULL);
  await assert.rejects(offline({ bufferLimit: 5, retries: 1 }).signal(signal).emitWithAck("a"), FULL);
  assert.equal(listeners, 0);
});

test("a_signal_gives_up_its_own_event_although_a_listener_has_emitted_another", async () => {
  const { socket, transport } = await connected(fixed);
  const answers: any[] = [];
  socket.onAnyOutgoing((event) => event == "outer" && socket.emit("inner", (value: any) => answers.push(value)));
  const abort = new AbortController();
  const promise = socket.signal(abort.signal).emitWithAck("outer");
  await settle();
  assert.deepEqual(transport.sent, ['421["inner"]', '420["outer"]']);
  abort.abort();
  await assert.rejects(promise, { name: "AbortError" });
  assert.deepEqual(Object.keys((socket as any).acks), ["1"]);
  transport.receive("431[7]");
  await settle();
  assert.deepEqual(answers, [7]);
});

test("outside_ascii_a_character_counts_three", () => {
  const letters = "абвгдежзий";
  const size = '2[""]'.length + 3 * letters.length;
  assert.throws(() => offline({ bufferLimit: size - 1 }).emit(letters), FULL);
  assert.deepEqual(waiting(offline({ bufferLimit: size }).emit(letters)), [letters]);
});
