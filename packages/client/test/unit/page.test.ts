/** What a page, or a worker, goes through: it is hidden, frozen, left, brought back; the network goes and comes. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { FakeTransport, connected, fakeManager, fixed, settle } from "./fake.js";

const listeners = new Map<string, Set<(event: any) => void>>();
const globals = globalThis as any;

beforeEach(() => {
  FakeTransport.reset();
  listeners.clear();
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  globals.addEventListener = (event: string, listener: any) => {
    if (!listeners.has(event)) listeners.set(event, new Set());
    listeners.get(event)!.add(listener);
  };
  globals.removeEventListener = (event: string, listener: any) => listeners.get(event)?.delete(listener);
  globals.document = { hidden: false };
});
afterEach(() => {
  mock.timers.reset();
  for (const name of ["addEventListener", "removeEventListener", "document"]) delete globals[name];
});

const fire = (event: string, detail: any = {}) => [...(listeners.get(event) || [])].forEach((listener) => listener(detail));
const count = () => [...listeners.values()].reduce((sum, set) => sum + set.size, 0);

/** A connected socket, with its disconnections. */
async function start() {
  const all = await connected(fixed);
  const reasons: string[] = [];
  all.socket.on("disconnect", (reason) => reasons.push(reason));
  return { ...all, reasons };
}

/** The clock goes on but no timer runs: a frozen page, a computer asleep. */
function freeze(ms: number) {
  const { now } = Date;
  const later = now() + ms;
  Date.now = () => later;
  return () => {
    Date.now = now;
  };
}

test("a_deadline_that_passes_in_time_is_a_ping_timeout", async () => {
  const { reasons } = await start();
  mock.timers.tick(499);
  assert.deepEqual(reasons, []);
  mock.timers.tick(1);
  assert.deepEqual(reasons, ["ping timeout"]);
});

test("a_timer_that_is_late_waits_for_what_has_come_meanwhile", async () => {
  const { reasons, transport } = await start();
  const thaw = freeze(60_000);
  // The timer runs first, the frame that was waiting after it.
  mock.timers.tick(500);
  assert.deepEqual(reasons, []);
  transport.receive("2");
  await settle();
  assert.deepEqual(transport.sent, ["3"]);
  thaw();
  mock.timers.tick(499);
  assert.deepEqual(reasons, []);
});

test("a_timer_that_is_late_closes_when_nothing_has_come", async () => {
  const { reasons } = await start();
  const thaw = freeze(60_000);
  mock.timers.tick(500);
  thaw();
  mock.timers.tick(999);
  assert.deepEqual(reasons, []);
  mock.timers.tick(1);
  assert.deepEqual(reasons, ["ping timeout"]);
});

test("who_looks_at_a_page_again_sees_at_once_that_its_connection_is_dead", async () => {
  for (const event of ["visibilitychange", "online"]) {
    const { manager, reasons } = await start();
    const thaw = freeze(60_000);
    fire(event);
    thaw();
    await settle();
    assert.deepEqual(reasons, ["ping timeout"], event);
    manager._close();
  }
});

test("a_living_connection_survives_being_hidden_and_shown", async () => {
  const { reasons, socket } = await start();
  fire("visibilitychange");
  fire("online");
  await settle();
  assert.deepEqual(reasons, []);
  assert.equal(socket.connected, true);
});

test("the_wait_before_reconnecting_ends_when_the_network_is_back_or_the_page_is_seen", async () => {
  for (const event of ["online", "visibilitychange"]) {
    const { manager, transport } = await start();
    const attempts: number[] = [];
    manager.on("reconnect_attempt", (n) => attempts.push(n));
    transport.lose();
    const made = FakeTransport.all.length;
    globals.document.hidden = true;
    fire(event);
    assert.equal(FakeTransport.all.length, made, "a hidden page waits");
    globals.document.hidden = false;
    fire(event);
    fire(event);
    assert.equal(FakeTransport.all.length, made + 1);
    mock.timers.tick(10_000);
    assert.deepEqual(attempts, [1], "once, not once more by the timer");
    manager._close();
  }
});

test("a_worker_has_no_document", async () => {
  delete globals.document;
  const { transport } = await start();
  transport.lose();
  fire("online");
  assert.equal(FakeTransport.all.length, 2);
});

test("offline_closes_and_localhost_does_not_care", async () => {
  const { reasons } = await start();
  fire("offline");
  assert.deepEqual(reasons, [], "localhost");
  FakeTransport.reset();
  const manager = fakeManager({ ...fixed, autoConnect: false });
  (manager as any).uri = "http://example.com";
  const closed: any[] = [];
  manager.on("close", (reason, details: any) => closed.push(reason, details.description));
  manager.open();
  FakeTransport.last.handshake();
  fire("offline");
  assert.deepEqual(closed, ["transport close", "network connection lost"]);
});

test("a_page_that_was_left_and_is_brought_back_connects_again", async () => {
  const { reasons, transport } = await start();
  fire("pagehide", { persisted: true });
  transport.fail("the browser cut it");
  assert.deepEqual(reasons, []);
  fire("pageshow", { persisted: true });
  assert.deepEqual(reasons, ["transport close"]);
  mock.timers.tick(100);
  assert.equal(FakeTransport.all.length, 2);
});

test("the_first_pageshow_means_nothing", async () => {
  const { reasons } = await start();
  fire("pageshow", { persisted: false });
  assert.deepEqual(reasons, []);
});

test("close_on_beforeunload_is_silent", async () => {
  const { reasons, transport } = await connected({ ...fixed, closeOnBeforeunload: true }).then((all) => ({ ...all, reasons: [] as any[] }));
  fire("beforeunload");
  assert.equal(transport.closed, 1);
  assert.deepEqual(reasons, []);
  const other = await start();
  fire("beforeunload");
  assert.equal(other.transport.closed, 0);
});

test("what_has_no_transport_leaves_no_listener", async () => {
  const manager = fakeManager({ ...fixed, transports: [] });
  for (let i = 0; i < 3; i++) {
    fire("pagehide");
    assert.equal(listeners.get("pagehide")?.size ?? 0, 0);
    mock.timers.tick(10_000);
    await settle();
  }
  manager.disconnect();
  assert.equal(count(), 0);
});

test("no_listener_outlives_the_connection", async () => {
  const { manager, transport, socket } = await start();
  assert.ok(count() > 0);
  for (let i = 0; i < 3; i++) {
    FakeTransport.last.lose();
    mock.timers.tick(100);
    FakeTransport.last.handshake();
    FakeTransport.last.receive('40{"sid":"again"}');
    await settle();
  }
  assert.equal(socket.connected, true);
  manager._close();
  assert.equal(count(), 0);
  assert.equal(transport.closed, 0);
});
