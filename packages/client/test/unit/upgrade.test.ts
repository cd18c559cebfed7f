import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { Engine } from "../../src/engine.js";
import { FakeTransport, settle } from "./fake.js";

beforeEach(() => FakeTransport.reset());
afterEach(() => mock.timers.reset());

/** The old transport: it comes to rest when the test says so. */
class Old extends FakeTransport {
  rest?: () => void;
  resumed = 0;
  override get name(): string {
    return "polling";
  }
  override pause(done: () => void): void {
    this.rest = done;
  }
  override resume(): void {
    this.resumed++;
  }
}

class Candidate extends FakeTransport {
  override get name(): string {
    return "websocket";
  }
}

class Third extends FakeTransport {
  override get name(): string {
    return "webtransport";
  }
}

function start(opts: any = {}, upgrades = ["websocket"]) {
  const engine = new Engine("http://localhost", { path: "/engine.io", transports: [Old, Candidate, Third], ...opts } as any);
  const log: any[] = [];
  for (const event of ["upgrading", "upgrade", "upgradeError", "close"] as const) {
    engine.on(event, (arg: any) => log.push([event, arg.message ?? arg.name ?? arg]));
  }
  const old = FakeTransport.last as Old;
  old.handshake({ upgrades });
  return { engine, log, old, candidate: FakeTransport.all[1] };
}

test("a_probe_that_is_answered_takes_over", async () => {
  const { engine, log, old, candidate } = start();
  candidate.opened();
  assert.deepEqual(candidate.sent, ["2probe"]);
  engine.write("before");
  assert.deepEqual(old.sent, ["4before"]);
  await settle();
  candidate.receive("3probe");
  engine.write("while upgrading");
  assert.deepEqual(old.sent, ["4before"], "nothing more on the old transport");
  assert.equal(engine.transport, old);
  old.rest!();
  assert.equal(engine.transport, candidate);
  assert.deepEqual(candidate.sent, ["2probe", "5"]);
  await settle();
  assert.deepEqual(candidate.sent, ["2probe", "5", "4while upgrading"]);
  assert.deepEqual(log, [["upgrading", "websocket"], ["upgrade", "websocket"]]);
  assert.equal(candidate.query.sid, "engine-id");
});

test("packets_that_come_while_the_old_transport_comes_to_rest_count", () => {
  const { engine, old, candidate } = start();
  const data: any[] = [];
  engine.on("data", (item) => data.push(item));
  candidate.opened();
  candidate.receive("3probe");
  old.receive("4last");
  old.rest!();
  candidate.receive("4first");
  assert.deepEqual(data, ["last", "first"]);
});

test("a_failed_probe_changes_nothing", async () => {
  for (const end of [
    (t: FakeTransport) => t.fail("no route"),
    (t: FakeTransport) => t.lose(),
    (t: FakeTransport) => (t.opened(), t.receive("3wrong")),
    (t: FakeTransport) => (t.opened(), t.receive("4early")),
  ]) {
    FakeTransport.reset();
    const { engine, log, old, candidate } = start();
    end(candidate);
    assert.equal(log.length, 1);
    assert.equal(log[0][0], "upgradeError");
    assert.match(log[0][1], /^probe error/);
    assert.equal(engine.transport, old);
    engine.write("on");
    assert.deepEqual(old.sent, ["4on"]);
  }
});

test("a_candidate_that_dies_while_the_old_transport_comes_to_rest_gives_it_back", async () => {
  const { engine, log, old, candidate } = start();
  candidate.opened();
  candidate.receive("3probe");
  engine.write("kept");
  candidate.lose();
  assert.deepEqual(log.map(([name]) => name), ["upgrading", "upgradeError"]);
  assert.equal(old.resumed, 1);
  assert.deepEqual(old.sent, ["4kept"]);
  old.rest!();
  assert.equal(engine.transport, old, "a late rest is ignored");
  assert.equal(engine.upgrading, false);
});

test("close_waits_for_an_upgrade", async () => {
  const { engine, log, old, candidate } = start();
  candidate.opened();
  candidate.receive("3probe");
  engine.close();
  assert.equal(engine.readyState, "closing");
  old.rest!();
  assert.deepEqual(log, [["upgrading", "websocket"], ["upgrade", "websocket"], ["close", "forced close"]]);
  assert.equal(candidate.closed, 1);
});

test("close_waits_for_an_upgrade_that_fails", () => {
  const { engine, log, old, candidate } = start();
  candidate.opened();
  candidate.receive("3probe");
  engine.close();
  candidate.fail();
  assert.deepEqual(log.map(([name]) => name), ["upgrading", "upgradeError", "close"]);
  assert.equal(old.closed, 1);
});

test("closing_ends_the_probe", () => {
  const { engine, log, candidate } = start();
  engine.close();
  assert.equal(candidate.closed, 1);
  assert.deepEqual(log, [["close", "forced close"], ["upgradeError", "probe error: closed"]]);
});

test("the_first_answer_wins", () => {
  const { engine, old } = start({}, ["websocket", "webtransport"]);
  const [, ws, wt] = FakeTransport.all;
  wt.opened();
  wt.receive("3probe");
  assert.equal(ws.readyState, "closed", "WebSocket had not started");
  old.rest!();
  assert.equal(engine.transport, wt);
});

test("webtransport_has_a_head_start", () => {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  start({}, ["websocket", "webtransport"]);
  const [, ws, wt] = FakeTransport.all;
  assert.equal(wt.readyState, "opening");
  mock.timers.tick(199);
  assert.equal(ws.readyState, "closed");
  mock.timers.tick(1);
  assert.equal(ws.readyState, "opening");
});

test("upgrades_that_are_not_wanted_are_not_tried", () => {
  start({ upgrade: false });
  assert.equal(FakeTransport.all.length, 1);
  start({ transports: [Old] });
  assert.equal(FakeTransport.all.length, 2);
});

test("a_listener_of_open_that_closes_prevents_the_probe", () => {
  const engine = new Engine("http://localhost", { path: "/engine.io", transports: [Old, Candidate] } as any);
  engine.on("open", () => engine.close());
  FakeTransport.last.handshake({ upgrades: ["websocket"] });
  assert.equal(FakeTransport.all.length, 1);
  assert.equal(engine.readyState, "closed");
});
