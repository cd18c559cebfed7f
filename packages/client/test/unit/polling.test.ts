import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { Engine } from "../../src/engine.js";
import { platform, type HttpRequest } from "../../src/platform.js";

interface Exchange extends HttpRequest {
  url: URL;
  /** Answers the request. */
  reply(body: string, status?: number): Promise<void>;
  fail(err: Error): Promise<void>;
}

const original = { ...platform };
let requests: Exchange[];

const tick = () => new Promise<void>((resolve) => setImmediate(resolve));
const of = (method: string) => requests.filter((request) => request.method == method);
const last = (method: string) => of(method)[of(method).length - 1];

beforeEach(() => {
  requests = [];
  platform.$fetch = (url, request) =>
    new Promise((resolve, reject) => {
      request.signal.addEventListener("abort", () => reject(new Error("aborted")));
      requests.push({
        ...request,
        url: new URL(url),
        reply: (body, status = 200) => (resolve({ ok: status < 300, status, text: async () => body }), tick()),
        fail: (err) => (reject(err), tick()),
      });
    });
});
afterEach(() => {
  Object.assign(platform, original);
});

const OPEN = '0{"sid":"s1","upgrades":[],"pingInterval":60000,"pingTimeout":20000,"maxPayload":100}';

async function open(opts: any = {}) {
  const engine = new Engine("http://example.com:81/?a=b", { transports: ["polling"], path: "/p", ...opts });
  const log: any[][] = [];
  for (const event of ["open", "data", "error", "close"] as const) engine.on(event, (...args: any[]) => log.push([event, ...args]));
  await requests[0].reply(OPEN);
  return { engine, log };
}

test("the_handshake_and_the_polls_after_it", async () => {
  const { engine, log } = await open();
  const [first, second] = requests;
  assert.equal(first.url.origin + first.url.pathname, "http://example.com:81/p/");
  assert.deepEqual([...first.url.searchParams.keys()].sort(), ["EIO", "a", "t", "transport"]);
  assert.equal(first.url.searchParams.get("EIO"), "4");
  assert.equal(first.credentials, undefined, "what the platform does: those of the same origin");
  assert.equal(second.url.searchParams.get("sid"), "s1");
  assert.notEqual(first.url.searchParams.get("t"), second.url.searchParams.get("t"));
  await second.reply("4a\x1e4b\x1e6");
  assert.deepEqual(log, [["open"], ["data", "a"], ["data", "b"]]);
  assert.equal(of("GET").length, 3);
  engine.close();
});

test("options_of_the_requests", async () => {
  const { engine } = await open({
    extraHeaders: { x: "y" },
    withCredentials: true,
    timestampRequests: false,
    forceBase64: true,
    timestampParam: "ts",
  });
  assert.deepEqual(requests[0].headers, { x: "y" });
  assert.equal(requests[0].credentials, "include");
  assert.equal(requests[0].url.searchParams.get("b64"), "1");
  assert.equal(requests[0].url.searchParams.has("ts"), false);
  engine.close();
});

test("one_post_at_a_time_split_by_the_payload_limit", async () => {
  const { engine } = await open();
  engine.write("a");
  engine.write("x".repeat(60)).write("y".repeat(60)).write(Uint8Array.of(1));
  assert.deepEqual(of("POST").map(({ body }) => body), ["4a"]);
  await last("POST").reply("ok");
  await last("POST").reply("ok");
  await last("POST").reply("ok");
  assert.deepEqual(of("POST").map(({ body }) => body), ["4a", "4" + "x".repeat(60), "4" + "y".repeat(60) + "\x1ebAQ=="]);
  engine.close();
});

test("a_blob_is_read_before_it_is_sent_and_the_order_holds", async () => {
  const { engine } = await open();
  engine.write(new Blob(["ab"])).write("after");
  assert.equal(of("POST").length, 0);
  await tick();
  await tick();
  assert.deepEqual(of("POST").map(({ body }) => body), ["bYWI="]);
  await last("POST").reply("ok");
  assert.equal(last("POST").body, "4after");
  await last("POST").reply("ok");
  engine.close();
});

test("an_error_status_ends_the_session_and_says_why", async () => {
  const { log } = await open();
  await last("GET").reply('{"code":1,"message":"Session ID unknown"}', 400);
  const [, [, err], [, reason, details]] = log;
  assert.equal(err.message, "xhr poll error");
  assert.equal(err.type, "TransportError");
  assert.equal(err.description, 400);
  assert.match(err.context.responseText, /Session ID unknown/);
  assert.equal(err.context.readyState, 4, "as of the official client's XMLHttpRequest");
  assert.equal(reason, "transport error");
  assert.equal(details, err);
});

test("a_network_failure_ends_the_session", async () => {
  const { engine, log } = await open();
  engine.write("a");
  await last("POST").fail(new TypeError("Failed to fetch"));
  assert.equal(log[1][1].message, "xhr post error");
  assert.equal(log[1][1].description, 0);
  assert.deepEqual([log[1][1].context.status, log[1][1].context.statusText.message], [0, "Failed to fetch"]);
  assert.equal(engine.readyState, "closed");
  assert.equal(last("POST").body, "1", "the server is told, in case it hears");
});

test("closing_says_goodbye_and_then_abandons_the_poll", async () => {
  const { engine, log } = await open();
  engine.close();
  assert.deepEqual([last("POST").body, last("POST").keepalive], ["1", true]);
  assert.equal(last("GET").signal.aborted, false);
  await last("POST").reply("ok");
  assert.equal(last("GET").signal.aborted, true);
  await tick();
  assert.deepEqual(log, [["open"], ["close", "forced close", undefined]]);
});

test("closing_while_opening_abandons_the_handshake", async () => {
  const engine = new Engine("http://example.com", { path: "/engine.io", transports: ["polling"] });
  engine.close();
  await tick();
  assert.equal(requests[0].signal.aborted, true);
  assert.equal(of("POST").length, 0);
});

test("a_close_packet_ends_the_session_without_a_goodbye", async () => {
  const { log } = await open();
  await last("GET").reply("4last\x1e1\x1e4never");
  assert.deepEqual(log.slice(1), [["data", "last"], ["close", "transport close", { description: "transport closed by the server" }]]);
  assert.equal(of("POST").length, 0);
  assert.equal(of("GET").length, 2);
});

test("a_request_that_takes_too_long_is_an_error", async () => {
  const { log } = await open({ requestTimeout: 20 });
  await new Promise((resolve) => setTimeout(resolve, 60));
  assert.equal(log[1][1].message, "xhr poll error");
  assert.equal(log[2][1], "transport error");
});

test("a_server_that_is_none_is_an_error", async () => {
  const engine = new Engine("http://example.com", { path: "/engine.io", transports: ["polling"] });
  const errors: any[] = [];
  engine.on("error", (err) => errors.push(err));
  await requests[0].reply("<!DOCTYPE html><html></html>");
  assert.deepEqual([errors[0].message, errors[0].hint], ["xhr poll error", "not a Socket.IO server"]);
  assert.equal(engine.readyState, "closed");
});

test("nothing_counts_after_a_packet_that_cannot_be_read", async () => {
  const { log } = await open();
  await last("GET").reply("4a\x1e9\x1e4b");
  assert.deepEqual(log.map(([event, arg]) => [event, arg?.message ?? arg]), [
    ["open", undefined],
    ["data", "a"],
    ["error", "server error"],
    ["close", "transport error"],
  ]);
});

test("pause_waits_for_the_poll_and_the_post_and_resume_polls_again", async () => {
  const { engine } = await open();
  const { transport } = engine;
  engine.write("a");
  let paused = 0;
  transport.pause(() => paused++);
  await last("GET").reply("6");
  assert.equal(paused, 0);
  assert.equal(of("GET").length, 2, "no further poll");
  await last("POST").reply("ok");
  assert.equal(paused, 1);
  assert.equal(transport.readyState, "paused");
  transport.resume!();
  assert.equal(of("GET").length, 3);
  transport.pause(() => paused++);
  transport.resume!();
  await last("GET").reply("6");
  assert.equal(paused, 1);
  assert.equal(of("GET").length, 4, "resumed before it came to rest");
  engine.close();
});

test("what_a_listener_throws_is_not_a_failed_request", async () => {
  const { engine, log } = await open();
  const runner = process.listeners("unhandledRejection");
  process.removeAllListeners("unhandledRejection");
  const surfaced: any[] = [];
  process.on("unhandledRejection", (err) => surfaced.push(err));
  try {
    engine.on("data", () => {
      throw new Error("the application's");
    });
    await last("GET").reply("4a");
    await tick();
  } finally {
    process.removeAllListeners("unhandledRejection");
    for (const listener of runner) process.on("unhandledRejection", listener);
  }
  assert.equal(surfaced.length, 1);
  assert.deepEqual(log, [["open"], ["data", "a"]]);
  engine.close();
});

test("what_is_neither_text_nor_binary_is_sent_as_a_text", async () => {
  const { engine, log } = await open();
  for (const data of [5, true, ["a", 1]]) engine.send(data);
  for (let i = 0; i < 2; i++) await last("POST").reply("ok");
  assert.deepEqual(of("POST").map(({ body }) => body), ["45", "4true\x1e4a,1"]);
  assert.deepEqual(log, [["open"]]);
  engine.close();
});
