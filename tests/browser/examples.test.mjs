// The pages of the small examples, in a real browser.
//
// CHROMIUM names the browser's program, ENCHUFE_EXAMPLES the folder with the examples' programs (unless told, what Cargo
// has built).

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { start } from "./lib/example.mjs";
import { launch } from "./lib/people.mjs";

describe("the small examples", { timeout: 60_000 }, () => {
  let browser;
  let open = [];
  before(async () => (browser = await launch()));
  after(() => browser?.close());
  afterEach(async () => {
    for (const end of open.reverse()) await end();
    open = [];
  });

  /** An example with a page of it; `switched` are the addresses that were answered 101. */
  const visit = async (name) => {
    const example = await start(name);
    open.push(example.stop);
    const page = await browser.newPage();
    const errors = [];
    open.push(async () => {
      await page.close();
      assert.deepEqual(errors, []);
    });
    page.setDefaultTimeout(10_000);
    page.on("pageerror", (error) => errors.push(String(error)));
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) errors.push(message.text());
    });
    const network = await page.context().newCDPSession(page);
    const switched = new Set();
    const addresses = new Map();
    network.on("Network.webSocketCreated", ({ requestId, url }) => addresses.set(requestId, new URL(url).pathname));
    network.on("Network.webSocketHandshakeResponseReceived", ({ requestId, response }) => {
      if (response.status === 101) switched.add(addresses.get(requestId));
    });
    await network.send("Network.enable");
    await page.goto(example.url);
    return { page, switched };
  };

  test("echo: over Socket.IO and over a plain WebSocket, each with its 101", async () => {
    const { page, switched } = await visit("echo");
    await page.locator("#socketio output", { hasText: "connected · websocket" }).waitFor();
    await page.locator("#plain output", { hasText: "connected" }).waitFor();
    assert.deepEqual([...switched].sort(), ["/plain", "/socket.io/"]);
    for (const panel of ["#socketio", "#plain"]) {
      for (const text of ["first", "<b>second</b> ¡Hola! 🙋🏽"]) {
        await page.fill(`${panel} input`, text);
        await page.press(`${panel} input`, "Enter");
        await page.locator(`${panel} li`, { hasText: text }).waitFor();
      }
      assert.equal(await page.locator(`${panel} li`).count(), 2);
      assert.match(await page.locator(`${panel} li small`).first().textContent(), /^\d+\.\d ms$/);
      assert.equal(await page.locator(`${panel} li b`).count(), 0, "text stays text");
    }
  });

  test("ping: two namespaces over one connection, left and joined one by one", async () => {
    const { page, switched } = await visit("ping");
    await page.locator("#transport", { hasText: "websocket" }).waitFor();
    const ids = [];
    for (const panel of ["#canal", "#otro"]) {
      await page.locator(`${panel} .pong`, { hasText: " ms" }).waitFor();
      ids.push(await page.textContent(`${panel} .id`));
    }
    assert.equal(new Set(ids).size, 2, "each namespace has a socket of its own");
    assert.equal(await page.textContent("#connections"), "1");
    assert.deepEqual([...switched], ["/socket.io/"]);

    await page.click("#otro .leave");
    await page.locator("#otro .id", { hasText: "not connected" }).waitFor();
    const pongs = await page.locator("#canal .pong").elementHandle();
    await pongs.evaluate((element) => (element.textContent = "waiting"));
    await page.click("#canal .ping");
    await page.locator("#canal .pong", { hasText: " ms" }).waitFor();
    assert.equal(await page.textContent("#canal .id"), ids[0], "the other one has noticed nothing");

    await page.click("#otro .leave");
    await page.locator("#otro:not(.off)").waitFor();
    assert.notEqual(await page.textContent("#otro .id"), ids[1]);
    for (const panel of ["#canal", "#otro"]) await page.click(`${panel} .leave`);
    await page.locator("#transport", { hasText: "closed" }).waitFor();
  });
});
