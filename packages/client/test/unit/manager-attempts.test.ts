/** One attempt of a manager to connect: it fails, takes too long, or is the last one. */
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { FakeTransport, fakeManager, faked, fixed, record } from "./fake.js";

faked();

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
