/** How a manager makes a lost connection again: when, how often, and who may end it or connect by hand meanwhile. */
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { FakeTransport, connected, fakeManager, faked, fixed, record } from "./fake.js";

faked();

test("a_lost_connection_is_made_again_with_growing_delays", async () => {
  const manager = fakeManager({ ...fixed, reconnectionDelayMax: 400 });
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
