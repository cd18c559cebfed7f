/** Acknowledgements: who is called, with what, how often; and what a timeout or a disconnection makes of them. */
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { FakeTransport, connected, faked, fixed, settle } from "./fake.js";

faked();

test("acks_are_called_once_with_what_the_other_side_says", async () => {
  const { socket, transport } = await connected();
  const answers: any[] = [];
  socket.emit("a", 1, (...args: any[]) => answers.push(args));
  socket.emit("b", (...args: any[]) => answers.push(args));
  assert.deepEqual(transport.sent, ['420["a",1]']);
  await settle();
  assert.deepEqual(transport.sent, ['420["a",1]', '421["b"]']);
  transport.receive("431[2,3]", "430[]", "430[9]", "4399[]", "43[]");
  await settle();
  assert.deepEqual(answers, [[2, 3], []]);
});

test("answering_an_event_works_once", async () => {
  const { socket, transport } = await connected({}, "/n");
  socket.on("q", (n: number, ack: any) => {
    ack(n + 1);
    ack(n + 2);
  });
  transport.receive('42/n,7["q",1]');
  await settle();
  assert.deepEqual(transport.sent, ["43/n,7[2]"]);
});

test("an_ack_with_binary_is_a_binary_ack", async () => {
  const { socket, transport } = await connected();
  const bytes = Uint8Array.of(1);
  socket.on("q", (ack: any) => ack({ bytes }));
  transport.receive('421["q"]');
  await settle();
  assert.deepEqual(transport.sent, ['461-1[{"bytes":{"_placeholder":true,"num":0}}]', bytes]);
});

test("emit_with_ack", async () => {
  const { socket, transport } = await connected();
  const promise = socket.emitWithAck("a", 1);
  transport.receive("430[5,6]");
  assert.equal(await promise, 5);
});

test("timeout_puts_the_error_first", async () => {
  const { socket, transport } = await connected();
  const answers: any[] = [];
  socket.timeout(50).emit("a", (err: any, value: any) => answers.push([err, value]));
  socket.timeout(50).emit("b", (err: any, value: any) => answers.push([err?.message, value]));
  socket.emit("c", (value: any) => answers.push(value));
  transport.receive("430[1]");
  await settle();
  mock.timers.tick(50);
  transport.receive("431[2]", "432[3]");
  await settle();
  assert.deepEqual(answers, [[null, 1], ["operation has timed out", undefined], 3]);
});

test("timeout_of_a_promise", async () => {
  const { socket } = await connected();
  const promise = socket.timeout(50).emitWithAck("a");
  mock.timers.tick(50);
  await assert.rejects(promise, /operation has timed out/);
});

test("ack_timeout_is_the_default_and_timeout_wins", async () => {
  const { socket } = await connected({}, "/", { ackTimeout: 50 });
  const answers: any[] = [];
  socket.emit("a", (err: any) => answers.push(["a", err?.message]));
  socket.timeout(20).emit("b", (err: any) => answers.push(["b", err?.message]));
  mock.timers.tick(20);
  assert.deepEqual(answers, [["b", "operation has timed out"]]);
  mock.timers.tick(30);
  assert.equal(answers.length, 2);
});

test("a_buffered_event_whose_ack_has_timed_out_is_not_sent", async () => {
  const { socket, transport } = await connected(fixed);
  transport.lose();
  let error: any;
  socket.emit("a");
  socket.timeout(50).emit("b", (err: any) => (error = err));
  mock.timers.tick(50);
  assert.match(error.message, /timed out/);
  mock.timers.tick(50);
  FakeTransport.last.handshake();
  FakeTransport.last.receive('40{"sid":"id-2"}');
  await settle();
  assert.deepEqual(FakeTransport.last.sent, ["40", '42["a"]']);
});

test("a_disconnection_fails_the_acks_that_take_errors_and_drops_the_others", async () => {
  const { socket, transport } = await connected(fixed);
  const log: any[] = [];
  socket.emit("plain", () => log.push("plain"));
  socket.timeout(1000).emit("timed", (err: any) => log.push(err.message));
  const promise = socket.emitWithAck("promise").catch((err) => log.push(err.message));
  socket.on("disconnect", (reason) => log.push(reason));
  transport.lose();
  await promise;
  assert.deepEqual(log, ["transport close", "socket has been disconnected", "socket has been disconnected"]);
  mock.timers.tick(10_000);
  await settle();
  assert.equal(log.length, 3);
});

test("the_acks_of_what_was_not_sent_survive_a_disconnection", async () => {
  const { manager, socket, transport } = await connected(fixed);
  transport.lose();
  const answers: any[] = [];
  socket.emit("a", (value: any) => answers.push(value));
  mock.timers.tick(100);
  FakeTransport.last.handshake();
  FakeTransport.last.lose();
  assert.equal(manager._reconnecting, true);
  mock.timers.tick(100);
  FakeTransport.last.handshake();
  FakeTransport.last.receive('40{"sid":"id-3"}', "430[1]");
  await settle();
  assert.deepEqual(answers, [1]);
});
