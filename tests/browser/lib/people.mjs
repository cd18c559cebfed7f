// People in browsers: each with a context of their own, doing what people do and seeing what people see.

import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export const PASSWORD = "correct horse battery";

export const launch = () => chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: FLAGS });

/** Everything that went wrong in any page and was not expected. */
export const complaints = [];
let serverIsDown = false;

/** While the server is down, pages may say that they can't reach it. */
export function expectServerDown(down) {
  serverIsDown = down;
}

const UNREACHABLE = /ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|ERR_SOCKET_NOT_CONNECTED|ERR_CONNECTION_CLOSED|ERR_INCOMPLETE_CHUNKED|WebSocket connection to/;

function watch(page, name) {
  page.setDefaultTimeout(10_000);
  page.on("pageerror", (error) => complaints.push(`${name}: ${error.stack ?? error}`));
  page.on("console", (message) => {
    if (!["error", "warning"].includes(message.type())) return;
    const text = `${message.text()} ${message.location().url}`;
    if (serverIsDown && UNREACHABLE.test(text)) return;
    complaints.push(`${name}: ${message.type()}: ${text}`);
  });
}

export class Somebody {
  constructor(name, context, page, url) {
    Object.assign(this, { name, context, page, url });
  }

  static async arrive(browser, name, url, options = {}) {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: "en-US", timezoneId: "Europe/Madrid", ...options });
    await context.addInitScript(() => {
      window.toBase64 = async (blob) => {
        let text = "";
        for (const byte of new Uint8Array(await blob.arrayBuffer())) text += String.fromCharCode(byte);
        return btoa(text);
      };
    });
    const page = await context.newPage();
    watch(page, name);
    return new Somebody(name, context, page, url);
  }

  /** Another tab of the same person. */
  async tab() {
    const page = await this.context.newPage();
    watch(page, `${this.name} (another tab)`);
    const tab = new Somebody(this.name, this.context, page, this.url);
    await page.goto(`${this.url}/`);
    await tab.connected();
    return tab;
  }

  async register() {
    await this.page.goto(`${this.url}/register`);
    await this.page.fill("#name", this.name);
    await this.page.fill("#password", PASSWORD);
    await this.page.click("form .primary");
    await this.connected();
    return this;
  }

  async lookIn() {
    await this.page.goto(`${this.url}/guest`);
    await this.page.fill("#name", this.name);
    await this.page.click("form .primary");
    await this.connected();
    return this;
  }

  async connected() {
    await this.page.waitForSelector('body[data-connected="true"]', { timeout: 20_000 });
    await this.page.waitForSelector('#log[aria-busy="false"]');
  }

  room(name) {
    return this.page.locator(".room", { has: this.page.locator("b", { hasText: new RegExp(`^${name}$`) }) });
  }

  async open(name) {
    await this.room(name).click();
    await this.page.locator("#room-name", { hasText: name }).waitFor();
    await this.page.waitForSelector('#log[aria-busy="false"]');
  }

  async createRoom(name, topic = "") {
    await this.page.click("#new-room");
    await this.page.fill("#new-room-name", name);
    await this.page.fill("#new-room-topic", topic);
    await this.page.press("#new-room-topic", "Enter");
    await this.page.locator("#room-name", { hasText: name }).waitFor();
    await this.page.waitForSelector('#log[aria-busy="false"]');
  }

  async say(text) {
    await this.page.fill("#text", text);
    await this.page.press("#text", "Enter");
  }

  /** A message with this text, whoever said it. */
  message(text) {
    return this.page.locator(".message", { has: this.page.locator(".bubble p", { hasText: text }) });
  }

  async sees(text, { state = "sent" } = {}) {
    await this.message(text).and(this.page.locator(`[data-state="${state}"]`)).first().waitFor();
  }

  async seesOnce(text) {
    await this.sees(text);
    await this.page.waitForTimeout(300);
    assert.equal(await this.message(text).count(), 1, `${this.name} sees "${text}" once`);
  }

  texts() {
    return this.page.locator(".bubble p").allTextContents();
  }

  async seesNote(text) {
    await this.page.locator(".note", { hasText: text }).first().waitFor();
  }

  /** Pictures that have really been loaded and drawn. */
  async seesPictures(count) {
    await this.page.waitForFunction(
      (wanted) => [...document.querySelectorAll('.message[data-state="sent"] .photo img')].filter((img) => img.complete && img.naturalWidth > 0).length === wanted,
      count,
    );
  }

  badge(room) {
    return this.room(room).locator(".badge");
  }

  async leaves() {
    await this.context.close();
  }
}

/** A picture of hills, made in the browser; `type` is a media type. */
export async function drawPicture(page, { width = 320, height = 200, type = "image/png" } = {}) {
  const base64 = await page.evaluate(
    async ([w, h, mime]) => {
      const canvas = new OffscreenCanvas(w, h);
      const pen = canvas.getContext("2d");
      const sky = pen.createLinearGradient(0, 0, 0, h);
      sky.addColorStop(0, "#8fd3f4");
      sky.addColorStop(0.62, "#fde8c9");
      sky.addColorStop(1, "#f7b267");
      pen.fillStyle = sky;
      pen.fillRect(0, 0, w, h);
      const ridges = [["#7fa3a8", 0.52, 0.1], ["#4f7f80", 0.64, 0.12], ["#25595a", 0.78, 0.1]];
      for (const [colour, level, rise] of ridges) {
        pen.fillStyle = colour;
        pen.beginPath();
        pen.moveTo(0, h);
        for (let x = 0; x <= w; x += 4) {
          const wave = Math.sin(x / (w * 0.09) + level * 20) * 0.5 + Math.sin(x / (w * 0.031) + level * 7) * 0.22;
          pen.lineTo(x, h * (level - wave * rise));
        }
        pen.lineTo(w, h);
        pen.fill();
      }
      pen.fillStyle = "#fff6df";
      pen.beginPath();
      pen.arc(w * 0.74, h * 0.27, h * 0.09, 0, 7);
      pen.fill();
      const blob = await canvas.convertToBlob({ type: mime, quality: 0.9 });
      return window.toBase64(blob);
    },
    [width, height, type],
  );
  return Buffer.from(base64, "base64");
}

/** A square PNG of noise, about 3.4 bytes a pixel. */
export async function drawNoise(page, side) {
  const base64 = await page.evaluate(async (length) => {
    const canvas = new OffscreenCanvas(length, length);
    const pen = canvas.getContext("2d");
    const image = pen.createImageData(length, length);
    for (let at = 0; at < image.data.length; at += 65_536) crypto.getRandomValues(image.data.subarray(at, at + 65_536));
    for (let at = 3; at < image.data.length; at += 4) image.data[at] = 255;
    pen.putImageData(image, 0, 0);
    return window.toBase64(await canvas.convertToBlob({ type: "image/png" }));
  }, side);
  return Buffer.from(base64, "base64");
}

/** Drops a file onto the page, as from a folder. */
export async function dropFile(page, selector, { name, type, bytes }) {
  const transfer = await page.evaluateHandle(
    ([fileName, mime, base64]) => {
      const data = new DataTransfer();
      const raw = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
      data.items.add(new File([raw], fileName, { type: mime }));
      return data;
    },
    [name, type, bytes.toString("base64")],
  );
  for (const event of ["dragenter", "dragover", "drop"]) await page.dispatchEvent(selector, event, { dataTransfer: transfer });
}

/** Pastes a file into the text field. */
export async function pasteFile(page, { name, type, bytes }) {
  await page.evaluate(
    ([fileName, mime, base64]) => {
      const data = new DataTransfer();
      const raw = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
      data.items.add(new File([raw], fileName, { type: mime }));
      document.getElementById("text").dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
    },
    [name, type, bytes.toString("base64")],
  );
}
