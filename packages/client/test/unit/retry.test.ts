import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { FakeTransport, connected, faked, fixed, settle } from "./fake.js";

faked();

test("one_at_a_time_and_in_order", async () => {
  const { socket, transport } = await connected({}, "/", { retries: 1, ackTimeout: 50 });
  const answers: any[] = [];
  for (const n of [1, 2, 3]) socket.emit("echo", n, (err: any, value: any) => answers.push([err, value, socket._queue.length]));
  assert.equal(socket._queue.length, 3);
  await settle();
  assert.deepEqual(transport.sent, ['420["echo",1]']);
  for (const id of [0, 1, 2]) {
    transport.receive(`43${id}[${id + 1}]`);
    await settle();
  }
  assert.deepEqual(transport.sent, ['420["echo",1]', '421["echo",2]', '422["echo",3]']);
  assert.deepEqual(answers, [[null, 1, 2], [null, 2, 1], [null, 3, 0]]);
});

test("an_event_is_given_up_after_its_tries_and_the_next_follows", async () => {
  const { socket, transport } = await connected({}, "/", { retries: 2, ackTimeout: 50 });
  const answers: any[] = [];
  socket.emit("a", (err: any) => answers.push(err.message));
  socket.emit("b", (err: any) => answers.push(err));
  for (let i = 0; i < 3; i++) {
    await settle();
    mock.timers.tick(50);
  }
  await settle();
  assert.deepEqual(transport.sent, ['420["a"]', '421["a"]', '422["a"]', '423["b"]']);
  assert.deepEqual(answers, ["operation has timed out"]);
  transport.receive("433[]");
  await settle();
  assert.deepEqual(answers, ["operation has timed out", null]);
});

test("a_late_answer_to_an_earlier_try_is_ignored", async () => {
  const { socket, transport } = await connected({}, "/", { retries: 1, ackTimeout: 50 });
  const answers: any[] = [];
  socket.emit("a", (...args: any[]) => answers.push(args));
  await settle();
  mock.timers.tick(50);
  transport.receive("430[1]");
  await settle();
  assert.deepEqual(answers, []);
  transport.receive("431[2]");
  await settle();
  assert.deepEqual(answers, [[null, 2]]);
});

test("nothing_is_sent_while_disconnected_and_the_head_again_after", async () => {
  const { socket, transport } = await connected(fixed, "/", { retries: 3, ackTimeout: 5000 });
  socket.emit("a", () => {});
  await settle();
  transport.lose();
  socket.emit("b");
  assert.equal(socket.sendBuffer.length, 0);
  mock.timers.tick(100);
  FakeTransport.last.handshake();
  FakeTransport.last.receive('40{"sid":"id-2"}');
  await settle();
  assert.deepEqual(FakeTransport.last.sent, ["40", '421["a"]']);
  FakeTransport.last.receive("431[]");
  await settle();
  assert.deepEqual(FakeTransport.last.sent, ["40", '421["a"]', '422["b"]']);
});

test("an_event_emitted_in_the_connect_listener_is_sent_once", async () => {
  const { socket, transport } = await connected(fixed, "/", { retries: 3 });
  transport.lose();
  socket.on("connect", () => socket.emit("a"));
  mock.timers.tick(100);
  FakeTransport.last.handshake();
  FakeTransport.last.receive('40{"sid":"id-2"}');
  await settle();
  FakeTransport.last.receive("430[]");
  await settle();
  assert.deepEqual(FakeTransport.last.sent, ["40", '420["a"]']);
  assert.equal(socket._queue.length, 0);
});

test("without_ack_timeout_an_answer_is_an_answer", async () => {
  const { socket, transport } = await connected({}, "/", { retries: 1 });
  const answers: any[] = [];
  socket.emit("a", (...args: any[]) => answers.push(args));
  transport.receive('430["value"]');
  await settle();
  assert.deepEqual(answers, [[null, "value"]]);
});

test("flags_go_with_their_event_and_volatile_passes_the_queue_by", async () => {
  const { manager, socket, transport } = await connected({}, "/", { retries: 1, ackTimeout: 50 });
  const compress: any[] = [];
  manager.engine.on("packetCreate", ({ options, data }) => compress.push([data, options!.compress]));
  socket.compress(false).emit("a");
  socket.emit("b");
  await settle();
  socket.volatile.emit("v");
  transport.receive("430[]");
  await settle();
  assert.deepEqual(compress, [['20["a"]', false], ['2["v"]', true], ['21["b"]', true]]);
});
