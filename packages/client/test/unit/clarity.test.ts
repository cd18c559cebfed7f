/** What helps whoever looks for an error: hints and the logger. */
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { Engine } from "../../src/engine.js";
import { hintOf } from "../../src/hints.js";
import { Manager } from "../../src/manager.js";
import { platform } from "../../src/platform.js";
import { Socket } from "../../src/socket.js";
import { FakeTransport, connected, settle } from "./fake.js";

const original = { ...platform };
afterEach(() => {
  Object.assign(platform, original);
  FakeTransport.reset();
});

const answer = (responseText: string) => hintOf({ status: 200, responseText });

test("hints", () => {
  assert.match(hintOf({ status: 0, responseText: "" })!, /unreachable, or CORS/);
  assert.equal(answer('97:0{"sid":"a","upgrades":[],"pingInterval":25000,"pingTimeout":5000}2:40'), "the server speaks Engine.IO 3");
  assert.equal(answer('104:0{"sid":"a"}'), "the server speaks Engine.IO 3");
  assert.equal(answer('{"code":1,"message":"Session ID unknown"}'), "Session ID unknown");
  for (const text of ["", "<!doctype html><title>Hello</title>", "Not Found", "null"]) assert.equal(answer(text), "not a Socket.IO server");
  assert.equal(answer("[]"), undefined);
});

/** The error of a first poll that is answered so. */
async function errorOf(respond: () => Promise<any>): Promise<any> {
  platform.$fetch = respond;
  const engine = new Engine("http://example.com", { path: "/e", transports: ["polling"] });
  return new Promise((resolve) => engine.on("error", resolve));
}

const response = (status: number, text: string) => async () => ({ ok: status < 300, status, text: async () => text });

test("a_failed_first_poll_says_what_it_means", async () => {
  for (const [respond, description, hint] of [
    [response(200, "<html>"), 200, "not a Socket.IO server"],
    [response(404, "Cannot GET /socket.io/"), 404, "not a Socket.IO server"],
    [response(200, '96:0{"sid":"x"}2:40'), 200, "the server speaks Engine.IO 3"],
    [response(200, '134:0{"sid":"x"}2:40'), 200, "the server speaks Engine.IO 3"],
    [response(403, '{"code":4,"message":"not you"}'), 403, "not you"],
  ] as const) {
    const err = await errorOf(respond as any);
    assert.deepEqual([err.message, err.type, err.description, err.hint], ["xhr poll error", "TransportError", description, hint]);
  }
  const unreachable = new TypeError("Failed to fetch");
  const err = await errorOf(() => Promise.reject(unreachable));
  assert.equal(err.description, 0, "as of the official client's XMLHttpRequest");
  assert.deepEqual(err.context, { status: 0, statusText: unreachable, responseText: "", readyState: 4 });
  assert.match(err.hint, /CORS/);
});

test("the_logger_hears_of_everything_and_where_it_happened", async () => {
  const log: string[] = [];
  const logger = (event: string, args: any[], source: any) => log.push(`${nameOf(source)} ${event} ${args.length}`);
  const nameOf = (source: any) => [FakeTransport, Engine, Manager, Socket].find((kind) => source instanceof kind)!.name.replace("_", "");
  const { manager, socket, transport } = await connected({ logger }, "/", { logger });
  transport.receive('42["x",1]');
  await settle();
  socket.emit("y");
  transport.lose();
  manager._close();
  for (const line of [
    "FakeTransport open 0",
    "Engine handshake 1",
    "Manager open 0",
    "Socket connect 0",
    "FakeTransport packet 1",
    "Engine packetCreate 1",
    "Engine close 2",
    "Manager close 2",
    "Socket disconnect 2",
  ]) {
    assert.ok(log.includes(line), line);
  }
});
