/** An engine and the events of its page: the network goes, the page is left and comes back. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { Engine } from "../../src/engine.js";
import { FakeTransport } from "./fake.js";
import { make, record } from "./fake-engine.js";

beforeEach(() => FakeTransport.reset());
afterEach(() => {
  delete (globalThis as any).addEventListener;
  delete (globalThis as any).removeEventListener;
});

/** A page: the listeners of its events, and a way to fire them. */
function page() {
  const listeners: [string, (event: any) => void][] = [];
  Object.assign(globalThis, {
    addEventListener: (event: string, listener: any) => listeners.push([event, listener]),
    removeEventListener: (event: string, listener: any) => {
      listeners.splice(listeners.findIndex((item) => item[0] == event && item[1] == listener), 1);
    },
  });
  return {
    listeners,
    fire: (event: string, init: object = {}) => {
      for (const [name, listener] of listeners.slice()) if (name == event) listener(init);
    },
  };
}

test("going_offline_closes_unless_on_the_loopback", () => {
  const { fire, listeners } = page();
  const engine = make();
  const local = new Engine("http://localhost", { path: "/", transports: [FakeTransport] } as any);
  const log = record(engine, "close");
  FakeTransport.all[0].handshake();
  fire("offline");
  assert.deepEqual(log, [["close", "transport close", { description: "network connection lost" }]]);
  assert.equal(local.readyState, "opening");
  local.close();
  assert.deepEqual(listeners, [], "nothing is left behind");
});

test("before_unload_closes_in_silence", () => {
  const { fire, listeners } = page();
  const engine = make({ closeOnBeforeunload: true });
  const log = record(engine, "close", "error");
  FakeTransport.last.handshake();
  fire("beforeunload");
  assert.equal(FakeTransport.last.closed, 1);
  assert.deepEqual(log, []);
  engine.close();
  assert.deepEqual(listeners, []);
});

test("a_page_that_is_left_hears_no_error_and_starts_afresh_when_it_comes_back", () => {
  const { fire, listeners } = page();
  const log = record(make(), "close", "error");
  FakeTransport.last.handshake();
  fire("pagehide");
  FakeTransport.last.fail("aborted");
  FakeTransport.last.lose();
  fire("pageshow", { persisted: false });
  assert.deepEqual(log, []);
  fire("pageshow", { persisted: true });
  assert.deepEqual(log, [["close", "transport close", { description: "network connection lost" }]]);
  assert.deepEqual(listeners, []);
});
