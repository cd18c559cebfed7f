// The chat in a real browser, from registering to a server that is killed and comes back.
//
// CHROMIUM names the browser's program (/usr/bin/chromium unless told), ENCHUFE_CHAT the chat's (unless told, what
// Cargo has built). `node chat.mjs CHAT CHROMIUM` does the same from a command line.

import assert from "node:assert/strict";
import http from "node:http";
import { after, before, describe, test } from "node:test";
import { complaints, drawNoise, drawPicture, dropFile, expectServerDown, launch, pasteFile, PASSWORD, Somebody } from "./lib/people.mjs";
import { Chat } from "./lib/server.mjs";

describe("the chat", { timeout: 240_000 }, () => {
  let browser;
  let chat;
  let ana;
  let eva;

  before(async () => {
    chat = await Chat.start();
    browser = await launch();
    ana = await Somebody.arrive(browser, "Ana", chat.url);
    eva = await Somebody.arrive(browser, "Eva Luz", chat.url);
  });

  after(async () => {
    await browser?.close();
    await chat?.remove();
  });

  test("two people register and talk, and see that it has arrived", async () => {
    await ana.register();
    await eva.register();
    await ana.page.locator(".person", { hasText: "Eva Luz" }).waitFor();
    await ana.say("Hello, Eva!");
    await ana.sees("Hello, Eva!");
    await eva.sees("Hello, Eva!");
    await eva.say("Hello <b>Ana</b> & all: https://example.org/a?b=c.");
    await ana.sees("Hello <b>Ana</b> & all");
    assert.equal(await ana.page.locator(".bubble b").count(), 0, "text stays text");
    assert.equal(await ana.page.locator(".bubble a").getAttribute("href"), "https://example.org/a?b=c");
    assert.equal(await ana.message("Hello, Eva!").locator(".mark .hidden").textContent(), "Sent");
  });

  test("typing is seen, and stops being seen", async () => {
    await eva.page.locator("#text").pressSequentially("I am wri");
    await ana.page.locator("#typing", { hasText: "Eva Luz is typing" }).waitFor();
    await eva.page.fill("#text", "");
    await ana.page.waitForFunction(() => document.getElementById("typing").textContent === "");
  });

  test("a room is created, found, entered and left, and people are seen to come and go", async () => {
    await ana.createRoom("Mountains", "Routes and weather");
    await ana.say("First one here.");
    await eva.room("Mountains").waitFor();
    await eva.open("Mountains");
    await eva.sees("First one here.");
    await ana.seesNote("Eva Luz entered");
    assert.equal(await ana.page.locator("#people-count").textContent(), "2");
    await eva.page.click("#leave");
    await ana.seesNote("Eva Luz left");
    await eva.page.locator("#room-name", { hasText: "Lobby" }).waitFor();
  });

  test("a room's name is taken once", async () => {
    await ana.page.click("#new-room");
    await ana.page.fill("#new-room-name", "mountains");
    await ana.page.press("#new-room-name", "Enter");
    await ana.page.locator("#new-room-problem", { hasText: "already" }).waitFor();
    await ana.page.keyboard.press("Escape");
  });

  test("what was said elsewhere is counted until it is read", async () => {
    await eva.open("Mountains");
    await eva.open("Lobby");
    await ana.open("Mountains");
    await ana.say("Snow on Sunday.");
    await ana.say("Or maybe on Monday.");
    await eva.badge("Mountains").filter({ hasText: "2" }).waitFor();
    await eva.page.waitForFunction(() => document.title.startsWith("(2) "));
    await eva.page.reload();
    await eva.connected();
    await eva.badge("Mountains").filter({ hasText: "2" }).waitFor();
    await eva.open("Mountains");
    await eva.page.locator(".unread-line").waitFor();
    await eva.badge("Mountains").waitFor({ state: "detached" });
    await eva.page.waitForFunction(() => !document.title.startsWith("("));
  });

  test("pictures are sent by button, by dropping and by pasting", async () => {
    await ana.open("Mountains");
    const bytes = await drawPicture(ana.page);
    await ana.page.setInputFiles("#file", { name: "a.png", mimeType: "image/png", buffer: bytes });
    await ana.page.locator("#picked img").waitFor();
    await ana.say("The view from here");
    await eva.sees("The view from here");
    await eva.seesPictures(1);

    await dropFile(ana.page, "#log", { name: "b.jpg", type: "image/jpeg", bytes: await drawPicture(ana.page, { width: 3_000, height: 2_000, type: "image/jpeg" }) });
    await ana.page.locator("#picked img").waitFor();
    await ana.page.click("#send");
    await pasteFile(ana.page, { name: "c.webp", type: "image/webp", bytes: await drawPicture(ana.page, { type: "image/webp" }) });
    await ana.page.locator("#picked img").waitFor();
    await ana.page.press("#text", "Enter");
    await ana.seesPictures(3);
    await eva.seesPictures(3);

    await eva.page.locator(".photo").first().click();
    await eva.page.locator("#viewer[open] img").waitFor();
    await eva.page.keyboard.press("Escape");
    const source = await eva.page.locator(".photo img").first().getAttribute("src");
    const answer = await eva.page.request.get(`${chat.url}${source}`);
    assert.equal(answer.headers()["content-type"], "image/png");
    assert.equal(answer.headers()["x-content-type-options"], "nosniff");
    assert.match(answer.headers()["content-security-policy"], /sandbox/);
  });

  test("what only pretends to be a picture is refused", async () => {
    const svg = Buffer.from("<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>");
    await dropFile(ana.page, "#log", { name: "x.svg", type: "image/svg+xml", bytes: svg });
    await ana.page.locator("#composer-problem", { hasText: "Only PNG" }).waitFor();
    await dropFile(ana.page, "#log", { name: "x.png", type: "image/png", bytes: svg });
    await ana.page.locator("#composer-problem", { hasText: "Only PNG" }).waitFor();
    assert.equal(await ana.page.locator("#picked img").count(), 0);
  });

  test("all tabs of somebody get their messages, and one's own picture", async () => {
    const other = await ana.tab();
    await other.open("Mountains");
    await ana.say("Seen in both tabs");
    await other.seesOnce("Seen in both tabs");
    await other.say("And back again");
    await ana.seesOnce("And back again");
    await ana.page.click("#account");
    await ana.page.setInputFiles("#avatar-file", { name: "me.png", mimeType: "image/png", buffer: await drawPicture(ana.page, { width: 600, height: 600 }) });
    for (const page of [ana.page, other.page, eva.page]) {
      await page.locator('.person .avatar[src^="/pictures/"]').waitFor();
    }
    await ana.page.locator("#account-dialog [data-close-dialog]").click();
    await other.page.close();
  });

  test("a guest looks in, talks in the lobby and nowhere else", async () => {
    const guest = await Somebody.arrive(browser, "Visitor", chat.url);
    await guest.lookIn();
    await eva.open("Lobby");
    await eva.seesNote("Visitor entered");
    await guest.sees("Hello, Eva!");
    await guest.say("May I?");
    await eva.sees("May I?");
    await guest.open("Mountains");
    await guest.sees("Snow on Sunday.");
    assert.equal(await guest.page.locator("#text").isDisabled(), true);
    assert.equal(await guest.page.locator("#attach").isVisible(), false);
    assert.equal(await guest.page.locator("#new-room").count(), 0);
    await guest.leaves();
    await eva.seesNote("Visitor left");
  });

  test("history is paged backwards, and stays where it was looked at", async () => {
    await ana.createRoom("Counting");
    for (let n = 1; n <= 45; n += 1) await ana.say(`number ${n}.`);
    await ana.page.locator('.message[data-state="sent"]', { hasText: "number 45." }).waitFor({ timeout: 90_000 });
    await eva.room("Counting").waitFor();
    await eva.open("Counting");
    await eva.sees("number 45.");
    assert.equal(await eva.message("number 5.").count(), 0, "only the newest page at first");
    await eva.page.locator("#log").evaluate((log) => (log.scrollTop = 0));
    await eva.sees("number 1.");
    const texts = await eva.texts();
    assert.deepEqual(texts, Array.from({ length: 45 }, (_, n) => `number ${n + 1}.`));
  });

  test("the server is killed: the page says so, keeps what is written, and sends it once", async () => {
    await ana.open("Mountains");
    await eva.open("Mountains");
    await eva.open("Lobby");
    await eva.page.fill("#text", "half a thou");
    await eva.open("Mountains");
    expectServerDown(true);
    await chat.kill();
    await ana.page.locator("#banner", { hasText: "Connection lost" }).waitFor();
    await eva.page.locator("#banner", { hasText: "Connection lost" }).waitFor();
    await ana.say("Written in the dark");
    await ana.say("and one more");
    await ana.sees("Written in the dark", { state: "pending" });
    await ana.page.fill("#text", "still typing when it");
    await chat.start();
    await ana.connected();
    await eva.connected();
    expectServerDown(false);
    await ana.page.locator("#banner", { hasText: "Connected again" }).waitFor();
    await ana.seesOnce("Written in the dark");
    await eva.seesOnce("Written in the dark");
    await eva.seesOnce("and one more");
    assert.deepEqual((await eva.texts()).slice(-2), ["Written in the dark", "and one more"], "in order");
    assert.equal(await ana.page.inputValue("#text"), "still typing when it");
    await ana.page.fill("#text", "");
    await eva.open("Lobby");
    assert.equal(await eva.page.inputValue("#text"), "half a thou");
    await eva.page.reload();
    await eva.connected();
    assert.equal(await eva.page.inputValue("#text"), "half a thou");
    await eva.page.fill("#text", "");
    await eva.sees("Hello, Eva!");
    await ana.page.reload();
    await ana.connected();
    await ana.sees("Snow on Sunday.");
    await ana.seesOnce("Written in the dark");
  });

  test("what waits survives closing the tab", async () => {
    await ana.open("Mountains");
    expectServerDown(true);
    await chat.kill();
    await ana.page.locator("#banner", { hasText: "Connection lost" }).waitFor();
    await ana.say("From a tab that was closed");
    await ana.sees("From a tab that was closed", { state: "pending" });
    await ana.page.goto("about:blank");
    await chat.start();
    await ana.page.goto(`${chat.url}/`);
    await ana.connected();
    await eva.connected();
    expectServerDown(false);
    await ana.seesOnce("From a tab that was closed");
    await eva.open("Mountains");
    await eva.seesOnce("From a tab that was closed");
  });

  test("a message that the server refuses says why, and can be tried again", async () => {
    const rita = await Somebody.arrive(browser, "Rita", chat.url);
    let refuse = true;
    await rita.page.routeWebSocket(/socket\.io/, (client) => {
      const server = client.connectToServer();
      client.onMessage((frame) => {
        const ack = typeof frame === "string" && frame.match(/^42(\d+)\["say".*refuse me/);
        if (ack && refuse) client.send(`43${ack[1]}[{"error":"internal"}]`);
        else server.send(frame);
      });
    });
    await rita.register();
    await rita.say("refuse me");
    await rita.sees("refuse me", { state: "failed" });
    await rita.page.locator(".failure", { hasText: "The server could not do this" }).waitFor();
    refuse = false;
    await rita.page.locator(".failure button", { hasText: "Try again" }).click();
    await rita.seesOnce("refuse me");
    refuse = true;
    await rita.say("refuse me, too");
    await rita.sees("refuse me, too", { state: "failed" });
    await rita.page.locator(".failure button", { hasText: "Discard" }).click();
    await rita.message("refuse me, too").waitFor({ state: "detached" });
    await rita.leaves();
  });

  test("a message whose answer was lost is sent again and not doubled", async () => {
    const rosa = await Somebody.arrive(browser, "Rosa", chat.url);
    let swallow = true;
    await rosa.page.routeWebSocket(/socket\.io/, (client) => {
      const server = client.connectToServer();
      let lost = null;
      client.onMessage((frame) => {
        lost ??= swallow && typeof frame === "string" ? (frame.match(/^42(\d+)\["say".*only once/)?.[1] ?? null) : null;
        server.send(frame);
      });
      server.onMessage((frame) => {
        if (swallow && lost !== null && frame.startsWith(`43${lost}[`)) {
          // It is stored; the answer, and with it the connection, goes astray.
          swallow = false;
          client.close();
          server.close();
          return;
        }
        client.send(frame);
      });
    });
    await rosa.register();
    await eva.open("Lobby");
    await rosa.say("only once");
    await rosa.page.locator("#banner", { hasText: "Connected again" }).waitFor();
    await rosa.seesOnce("only once");
    await eva.seesOnce("only once");
    assert.equal(swallow, false, "the answer did get lost");
    await rosa.leaves();
  });

  test("where there are no WebSockets, long-polling carries everything", async () => {
    const polly = await Somebody.arrive(browser, "Polly", chat.url);
    await polly.page.routeWebSocket(/socket\.io/, (client) => client.close());
    await polly.register();
    await eva.open("Lobby");
    await polly.say("By long-polling");
    await eva.sees("By long-polling");
    await eva.say("Understood");
    await polly.sees("Understood");
    // Noise does not compress: the bytes are many, and travel in base64.
    const before = await eva.page.locator(".photo").count();
    const bytes = await drawNoise(polly.page, 700);
    assert.ok(bytes.length > 1_400_000, `${bytes.length} bytes`);
    await polly.page.setInputFiles("#file", { name: "noise.png", mimeType: "image/png", buffer: bytes });
    await polly.page.locator("#picked img").waitFor();
    await polly.page.click("#send");
    await polly.seesPictures(1);
    await eva.seesPictures(before + 1);
    await polly.leaves();
  });

  test("asked to stop, the server closes in good order and the pages come back", async () => {
    await ana.open("Mountains");
    await eva.open("Mountains");
    expectServerDown(true);
    const ended = await chat.stop();
    assert.equal(ended.code, 0, `it ended with ${ended.code} ${ended.signal}:\n${chat.log}`);
    assert.ok(ended.took < 10_000, `it took ${ended.took} ms`);
    await ana.page.locator("#banner", { hasText: "Connection lost" }).waitFor();
    await chat.start();
    await ana.connected();
    await eva.connected();
    expectServerDown(false);
    await ana.say("Back in good order");
    await eva.seesOnce("Back in good order");
  });

  test("the keyboard is enough", async () => {
    const keys = await Somebody.arrive(browser, "Keys Only", chat.url);
    const { page } = keys;
    const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.textContent.trim());
    await page.goto(`${chat.url}/register`);
    assert.equal(await focused(), "name");
    await page.keyboard.type("Keys Only");
    await page.keyboard.press("Tab");
    await page.keyboard.type(PASSWORD);
    await page.keyboard.press("Enter");
    await keys.connected();
    await page.waitForFunction(() => document.activeElement.id === "text");
    await page.keyboard.type("No mouse");
    await page.keyboard.press("Shift+Enter");
    await page.keyboard.type("at all");
    await page.keyboard.press("Enter");
    await keys.sees("No mouse\nat all");

    await page.keyboard.press("Alt+n");
    await page.waitForSelector("#new-room-dialog[open]");
    assert.equal(await focused(), "new-room-name");
    await page.keyboard.type("Typed");
    await page.keyboard.press("Enter");
    await page.locator("#room-name", { hasText: "Typed" }).waitFor();
    await page.keyboard.press("Alt+ArrowUp");
    await page.locator("#room-name", { hasText: "Lobby" }).waitFor();
    await page.keyboard.press("Alt+ArrowDown");
    await page.locator("#room-name", { hasText: "Typed" }).waitFor();

    await page.evaluate(() => document.activeElement.blur());
    await page.keyboard.press("?");
    await page.waitForSelector("#keys-dialog[open]");
    await page.keyboard.press("Escape");
    await page.waitForSelector("#keys-dialog:not([open])", { state: "attached" });
    await page.keyboard.press("Escape");
    assert.equal(await focused(), "text");

    // From the top: the skip links come first, are seen when they have the focus, and lead where they say.
    await page.reload();
    await keys.connected();
    await page.evaluate(() => {
      document.body.tabIndex = -1;
      document.body.focus();
      document.body.removeAttribute("tabindex");
    });
    await page.keyboard.press("Tab");
    assert.equal(await focused(), "Skip to writing");
    await page.waitForFunction(() => document.activeElement.getBoundingClientRect().top >= 0);
    await page.keyboard.press("Enter");
    await page.keyboard.type("skipped here");
    assert.equal(await page.inputValue("#text"), "skipped here");
    const reached = new Set();
    for (let n = 0; n < 40; n += 1) {
      await page.keyboard.press("Tab");
      reached.add(await page.evaluate(() => document.activeElement.id || document.activeElement.className));
      const ring = await page.evaluate(() => {
        const node = document.activeElement;
        return node === document.body || getComputedStyle(node).outlineStyle !== "none";
      });
      assert.ok(ring, `what has the focus shows it: ${[...reached].at(-1)}`);
    }
    for (const id of ["send", "attach", "log", "account", "leave", "room"]) assert.ok(reached.has(id), `${id} is reached by Tab`);
    await keys.leaves();
  });

  test("a phone shows one thing at a time, in Spanish, light and dark", async () => {
    const phone = await Somebody.arrive(browser, "Móvil", chat.url, { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, locale: "es-ES" });
    const { page } = phone;
    const fits = async () => {
      const [wide, inner] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
      assert.ok(wide <= inner, `nothing sticks out: ${wide} in ${inner}`);
    };
    await page.goto(`${chat.url}/login`);
    await page.locator("h1", { hasText: "Hola de nuevo" }).waitFor();
    await fits();
    await phone.register();
    await page.locator("#room-name", { hasText: "Vestíbulo" }).waitFor();
    await fits();
    assert.equal(await page.locator("#rooms-pane").isVisible(), false);
    await page.tap("#open-rooms");
    await page.locator("#rooms-pane").waitFor({ state: "visible" });
    await phone.room("Mountains").tap();
    await page.locator("#room-name", { hasText: "Mountains" }).waitFor();
    await page.waitForFunction(() => getComputedStyle(document.getElementById("rooms-pane")).visibility === "hidden");
    await page.tap("#open-people");
    await page.locator(".person", { hasText: "Ana" }).waitFor({ state: "visible" });
    await page.locator("#people-pane [data-close-pane]").tap();
    await page.fill("#text", "Desde el móvil");
    await page.tap("#send");
    await ana.sees("Desde el móvil");
    await fits();

    await page.tap("#open-rooms");
    const colour = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await colour();
    await page.locator(".me [data-theme-toggle]").tap();
    const dark = await colour();
    assert.notEqual(dark, light);
    await page.reload();
    await phone.connected();
    assert.equal(await colour(), dark, "the choice is kept");
    await page.tap("#open-rooms");
    await page.locator('.me button[name="language"]').tap();
    await phone.connected();
    await page.locator("#room-name", { hasText: "Mountains" }).waitFor();
    assert.equal(await page.getAttribute("html", "lang"), "en");
    await phone.leaves();
  });

  test("logging out reaches every tab and leaves nothing behind", async () => {
    const bea = await Somebody.arrive(browser, "Bea", chat.url);
    await bea.register();
    const other = await bea.tab();
    await bea.page.fill("#text", "secret draft");
    await bea.page.click("#logout button");
    await bea.page.waitForURL((url) => url.pathname === "/login");
    await other.page.waitForURL((url) => url.pathname === "/login");
    const kept = await bea.page.evaluate(() => Object.keys(localStorage).filter((key) => /draft|outbox/.test(key)));
    assert.deepEqual(kept, []);
    await bea.page.fill("#name", "bea");
    await bea.page.fill("#password", PASSWORD);
    await bea.page.click("form .primary");
    await bea.connected();
    await bea.leaves();
  });

  test("pages of other sites get no connection, whatever cookies they bring", async () => {
    const cookies = await ana.context.cookies();
    const cookie = cookies.map(({ name, value }) => `${name}=${value}`).join("; ");
    const session = cookies.find(({ name }) => name === "chat_session");
    assert.equal(session.httpOnly, true);
    assert.equal(session.sameSite, "Lax");
    const status = (headers) =>
      new Promise((resolve, reject) => {
        const request = http.get({ host: "localhost", port: chat.port, path: "/socket.io/?EIO=4&transport=websocket", headers: { cookie, ...headers } });
        request.on("response", (answer) => resolve(answer.statusCode));
        request.on("upgrade", (answer, socket) => {
          socket.destroy();
          resolve(answer.statusCode);
        });
        request.on("error", reject);
      });
    const upgrade = { connection: "Upgrade", upgrade: "websocket", "sec-websocket-version": "13", "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==" };
    assert.equal(await status({ ...upgrade, origin: "https://evil.example" }), 403);
    assert.equal(await status({ ...upgrade, origin: chat.url }), 101);
  });

  test("no page complained: no error, no warning, no breach of the content policy", () => {
    assert.deepEqual(complaints, []);
  });
});
