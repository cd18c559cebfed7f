// The bundles that the server serves, in a real browser: each file, on each way to travel, through
// connect, acks, bytes, namespaces, and a server that is killed and comes back on the same port.
//
// CHROMIUM names the browser's program (/usr/bin/chromium unless told).

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { chromium } from "playwright-core";
import { launch, start } from "../lib/testbed.mjs";
import { within } from "../lib/util.mjs";

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const BUNDLES = ["socket.io.js", "socket.io.min.js", "socket.io.esm.min.js"];
const TRAVELS = {
  "polling only": ["polling"],
  "WebSocket only": ["websocket"],
  upgrade: ["polling", "websocket"],
};

describe("the served bundles in Chromium", () => {
  let browser;
  let bed;
  before(async () => {
    const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
    browser = await chromium.launch({ executablePath, args: FLAGS });
    bed = await start("app");
  });
  after(async () => {
    await browser?.close();
    await bed?.kill();
  });

  /** A page of the server's own origin with the bundle in it; what goes wrong in it fails the test. */
  const open = async (bundle) => {
    const page = await browser.newPage();
    const errors = [];
    page.on("pageerror", (error) => errors.push(String(error)));
    await page.goto(`${bed.url}/healthz`);
    if (bundle.includes("esm")) {
      await page.evaluate(async (url) => {
        const module = await import(url);
        window.io = module.io;
        for (const name of ["Manager", "Socket", "protocol"]) {
          if (module[name] === undefined) throw new Error(`the module has no ${name}`);
        }
      }, `/socket.io/${bundle}`);
    } else {
      await page.addScriptTag({ url: `/socket.io/${bundle}` });
    }
    await page.evaluate(installHelpers);
    return { page, errors };
  };

  for (const bundle of BUNDLES) {
    for (const [travel, transports] of Object.entries(TRAVELS)) {
      test(`${bundle}, ${travel}`, async () => {
        const { page, errors } = await open(bundle);
        try {
          const talk = await within(page.evaluate(converse, transports), 20_000, "the conversation");
          assert.equal(talk.transport, transports.at(-1));
          assert.deepEqual(talk.echo, [1, "2", { three: [null, true] }]);
          assert.deepEqual(talk.promise, "promised");
          assert.match(talk.timeout, /timed out/);
          assert.deepEqual(talk.bytes, { buffer: [1, 2], typed: [3, 4], blob: [5, 6], file: [7, 8], text: "x" });
          assert.equal(talk.answer, "WHY");
          assert.deepEqual(talk.namespaces, ["/", "/chat", "/tenant-5"]);
          assert.equal(talk.oneConnection, true);
          assert.deepEqual(talk.refused, { message: "unauthorized", data: { code: 401 } });
          assert.equal(talk.invalid, "Invalid namespace");
          assert.deepEqual(talk.kicked, ["io server disconnect", false]);
          assert.deepEqual(errors, []);
        } finally {
          await page.close();
        }
      });
    }
  }

  for (const [travel, transports] of Object.entries(TRAVELS)) {
    for (const [how, end] of [
      ["killed", () => bed.kill()],
      ["asked to end", () => bed.stop()],
    ]) {
      test(`the server is ${how} and comes back, ${travel}`, async () => {
        const { page, errors } = await open("socket.io.min.js");
        try {
          const first = await within(page.evaluate(settle, transports), 10_000, "the connection");
          const { port, url } = bed;
          await end();
          const gone = await within(page.evaluate(untilGone), 10_000, "the disconnection");
          assert.notEqual(gone, "io server disconnect");
          bed = launch("--profile", "app", "--port", String(port));
          Object.assign(bed, { port, url });
          assert.equal(await bed.line(), `listening on 127.0.0.1:${port}`, bed.errors());
          const back = await within(page.evaluate(untilBack), 20_000, "the way back");
          assert.notEqual(back.id, first);
          assert.deepEqual(back.buffered, ["buffered", [9]]);
          assert.deepEqual(errors, []);
        } finally {
          await page.close();
        }
      });
    }
  }
});

// What follows runs in the page.

function installHelpers() {
  window.next = (socket, event) => new Promise((done) => socket.once(event, (...args) => done(args)));
  window.ask = (socket, ...args) =>
    new Promise((done) => socket.emit(...args, (...answer) => done(answer)));
  window.connect = async (transports, nsp = "/", options = {}) => {
    const socket = window.io(nsp, { transports, forceNew: true, ...options });
    await window.next(socket, "connect");
    const { engine } = socket.io;
    if (transports.length > 1 && engine.transport.name === "polling") {
      await new Promise((done) => engine.once("upgrade", done));
    }
    return socket;
  };
}

async function converse(transports) {
  const { ask, connect, next } = window;
  const socket = await connect(transports);
  const result = { transport: (await ask(socket, "whoami"))[0].transport };
  result.echo = await ask(socket, "echo", 1, "2", { three: [null, true] });
  result.promise = await socket.timeout(5000).emitWithAck("echo", "promised");
  result.timeout = await socket
    .timeout(50)
    .emitWithAck("sleep", 5000)
    .catch((error) => error.message);

  const list = async (value) => [
    ...new Uint8Array(value instanceof Blob ? await value.arrayBuffer() : (value.buffer ?? value)),
  ];
  const sent = {
    buffer: new Uint8Array([1, 2]).buffer,
    typed: new Uint8Array([3, 4]),
    blob: new Blob([new Uint8Array([5, 6])]),
    file: new File([new Uint8Array([7, 8])], "a.bin"),
    text: "x",
  };
  const [back] = await ask(socket, "echo", sent);
  result.bytes = { text: back.text };
  for (const key of ["buffer", "typed", "blob", "file"]) result.bytes[key] = await list(back[key]);

  socket.on("question", (question, answer) => answer(question.toUpperCase()));
  const answer = next(socket, "answer");
  socket.emit("ask-me", "why");
  [result.answer] = await answer;

  const others = ["/chat", "/tenant-5"].map((nsp) => socket.io.socket(nsp));
  await Promise.all(others.map((other) => next(other, "connect")));
  const all = [socket, ...others];
  result.namespaces = await Promise.all(all.map(async (each) => (await ask(each, "whoami"))[0].nsp));
  result.oneConnection = all.every((each) => each.io === socket.io);

  const refused = window.io("/protected", { transports, forceNew: true, auth: { token: "wrong" } });
  const [error] = await next(refused, "connect_error");
  result.refused = { message: error.message, data: error.data };
  const invalid = window.io("/nowhere", { transports, forceNew: true });
  result.invalid = (await next(invalid, "connect_error"))[0].message;

  const kicked = next(socket, "disconnect");
  socket.emit("kick");
  const [reason] = await kicked;
  result.kicked = [reason, socket.active];
  for (const each of [...others, refused, invalid]) each.disconnect();
  return result;
}

async function settle(transports) {
  const options = { reconnectionDelay: 50, reconnectionDelayMax: 200 };
  window.socket = await window.connect(transports, "/", options);
  window.gone = window.next(window.socket, "disconnect");
  return window.socket.id;
}

async function untilGone() {
  const [reason] = await window.gone;
  window.back = window.next(window.socket, "connect");
  window.buffered = window.ask(window.socket, "echo", "buffered", new Uint8Array([9]));
  return reason;
}

async function untilBack() {
  await window.back;
  const id = window.socket.id;
  const [text, bytes] = await window.buffered;
  window.socket.disconnect();
  return { id, buffered: [text, [...new Uint8Array(bytes)]] };
}
