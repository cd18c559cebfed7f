// The official client's bundles of the line 2.x in a real browser: over XMLHttpRequest, over JSONP, over WebSocket, on
// the server's own origin and on another.
//
// CHROMIUM names the browser's program (/usr/bin/chromium unless told).

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { start } from "../lib/testbed.mjs";
import { within } from "../lib/util.mjs";

const FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"];
const BUNDLES = ["2-0", "2-3", "2-5"];
const WAYS = {
  "polling only": { transports: ["polling"] },
  "WebSocket only": { transports: ["websocket"] },
  upgrade: { transports: ["polling", "websocket"] },
  JSONP: { transports: ["polling"], forceJSONP: true },
  "JSONP, then WebSocket": { transports: ["polling", "websocket"], forceJSONP: true },
};

describe("the bundles of 2.x in Chromium", () => {
  let browser;
  let bed;
  let elsewhere;
  before(async () => {
    const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
    browser = await chromium.launch({ executablePath, args: FLAGS });
    elsewhere = createServer((_, response) => response.end("<!doctype html><title>elsewhere</title>"));
    await new Promise((listening) => elsewhere.listen(0, "127.0.0.1", listening));
    elsewhere.url = `http://127.0.0.1:${elsewhere.address().port}`;
    bed = await start("app", "--allow-eio3", "--cors", elsewhere.url);
  });
  after(async () => {
    await browser?.close();
    await bed?.kill();
    elsewhere?.close();
  });

  for (const bundle of BUNDLES) {
    for (const [way, options] of Object.entries(WAYS)) {
      for (const [where, page] of [
        ["the server's own page", () => `${bed.url}/healthz`],
        ["a page elsewhere", () => elsewhere.url],
      ]) {
        test(`socket.io-client-${bundle}, ${way}, ${where}`, async () => {
          const tab = await browser.newPage();
          const errors = [];
          tab.on("pageerror", (error) => errors.push(String(error)));
          try {
            await tab.goto(page());
            const path = `../node_modules/socket.io-client-${bundle}/dist/socket.io.js`;
            await tab.addScriptTag({ path: fileURLToPath(new URL(path, import.meta.url)) });
            const talk = await within(tab.evaluate(converse, [bed.url, options]), 20_000, "the conversation");
            assert.equal(talk.id, talk.whoami.id);
            assert.equal(talk.whoami.protocol, 3);
            assert.equal(talk.whoami.transport, options.transports.at(-1));
            assert.equal(talk.jsonp, options.forceJSONP === true);
            assert.deepEqual(talk.echo, [talk.sent, "a\nb\\n\\\\n c+d&e=f%20 \u2028 </script> é😀"]);
            assert.deepEqual(talk.bytes, [1, 2, 255]);
            assert.deepEqual(talk.auth, { token: "a b" });
            assert.deepEqual(talk.refused, { code: 401 });
            assert.equal(talk.large, 200_000);
            assert.deepEqual(errors, []);
          } finally {
            await tab.close();
          }
        });
      }
    }
  }
});

// Runs in the page.
async function converse([url, options]) {
  const next = (socket, event) => new Promise((done) => socket.once(event, (...args) => done(args)));
  const ask = (socket, ...args) => new Promise((done) => socket.emit(...args, (...answer) => done(answer)));
  const connect = async (nsp) => {
    const socket = window.io(url + nsp, { forceNew: true, ...options });
    await next(socket, "connect");
    const { engine } = socket.io;
    if (options.transports.length > 1 && engine.transport.name === "polling") await next(engine, "upgrade");
    return socket;
  };
  const jsonp = () => document.querySelectorAll("script[src*='&j=']").length > 0;
  const watched = new Promise((done) => {
    const observer = new MutationObserver(() => jsonp() && (observer.disconnect(), done(true)));
    observer.observe(document, { childList: true, subtree: true });
  });

  const socket = await connect("/");
  const result = { id: socket.id, sent: { one: [1, null, true] } };
  result.jsonp = await Promise.race([watched, new Promise((done) => setTimeout(done, 50, false))]);
  [result.whoami] = await ask(socket, "whoami");
  result.echo = await ask(socket, "echo", result.sent, "a\nb\\n\\\\n c+d&e=f%20 \u2028 </script> é😀");
  const [bytes] = await ask(socket, "echo", new Uint8Array([1, 2, 255]).buffer);
  result.bytes = [...new Uint8Array(bytes)];
  const [large] = await ask(socket, "echo", "x".repeat(200_000));
  result.large = large.length;
  const chat = await connect("/chat?token=a%20b");
  result.auth = (await ask(chat, "handshake"))[0].auth;
  const refused = window.io(`${url}/protected?token=wrong`, { forceNew: true, ...options });
  [result.refused] = await next(refused, "error");
  for (const each of [socket, chat, refused]) each.close();
  return result;
}
