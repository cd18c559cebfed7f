// HTTP as it is on the wire, and Engine.IO long-polling on top of it.

import assert from "node:assert/strict";
import http from "node:http";
import { connect } from "node:net";
import { isFarewell } from "./util.mjs";

export const SEPARATOR = "\x1e";

/** Kept connections for those who ask often. */
export const keepAlive = new http.Agent({ keepAlive: true, maxSockets: 256 });

/** One request; resolves to `{status, headers, body, bytes}`. */
export function request(port, method, path, { headers = {}, body, signal, agent = false } = {}) {
  return new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port, method, path, headers, signal, agent };
    const asked = http.request(options, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        const bytes = Buffer.concat(chunks);
        resolve({ status: response.statusCode, headers: response.headers, bytes, body: bytes.toString() });
      });
    });
    asked.on("error", reject);
    asked.end(body);
  });
}

/** Sends bytes as they are; resolves to all that comes back until the peer closes (or `ms` passed). */
export function exchange(port, bytes, { ms = 3000, enough = () => false } = {}) {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    let text = "";
    let closed = false;
    const timer = setTimeout(() => socket.destroy(), ms);
    socket.setEncoding("latin1");
    socket.on("connect", () => socket.write(bytes));
    socket.on("data", (chunk) => {
      text += chunk;
      if (enough(text)) socket.destroy();
    });
    socket.on("end", () => (closed = true));
    // Which of the two it is depends on whether the peer's reset came before or behind the last write.
    const reset = (error) => error.code === "ECONNRESET" || error.code === "EPIPE";
    socket.on("error", (error) => (reset(error) ? (closed = true) : reject(error)));
    socket.on("close", () => {
      clearTimeout(timer);
      resolve({ text, closed });
    });
  });
}

/** An Engine.IO session over long-polling. */
export class Polling {
  constructor(port, path, handshake, options) {
    this.port = port;
    this.path = path;
    this.handshake = handshake;
    this.sid = handshake.sid;
    this.options = options;
  }

  static async open(port, { path = "/socket.io/", query = "", ...options } = {}) {
    const target = `${path}?EIO=4&transport=polling${query}`;
    const { status, body } = await request(port, "GET", target, options);
    assert.equal(status, 200, body);
    assert.equal(body[0], "0", body);
    return new Polling(port, path, JSON.parse(body.slice(1)), options);
  }

  get target() {
    return `${this.path}?EIO=4&transport=polling&sid=${this.sid}`;
  }

  /** A GET as it is answered. */
  get(options = {}) {
    return request(this.port, "GET", this.target, { ...this.options, ...options });
  }

  /** A POST as it is answered. */
  post(body, options = {}) {
    return request(this.port, "POST", this.target, {
      ...this.options,
      headers: { "content-type": "text/plain;charset=UTF-8", ...options.headers },
      body,
      signal: options.signal,
    });
  }

  /** The packets of the next poll. */
  async poll() {
    const { status, body } = await this.get();
    assert.equal(status, 200, `GET: ${status} ${body}`);
    return body.split(SEPARATOR);
  }

  /** Sends packets in one POST that must be accepted. */
  async send(...packets) {
    const { status, body } = await this.post(packets.join(SEPARATOR));
    assert.deepEqual([status, body], [200, "ok"]);
  }

  /**
   * Polls until `count` packets have come; answers heartbeats, and passes over what tells of other
   * sockets.
   */
  async receive(count) {
    const packets = [];
    while (packets.length < count) {
      for (const packet of await this.poll()) {
        if (packet === "2") await this.send("3");
        else if (packet !== "6" && !isFarewell(packet)) packets.push(packet);
      }
    }
    return packets;
  }

  /** Connects to a namespace and takes the greeting; resolves to the reply to CONNECT. */
  async connect(greetings = 1) {
    await this.send("40");
    return (await this.receive(1 + greetings))[0];
  }

  /** Fails unless the server has ended the session: it is gone, or the next poll says so. */
  async ended() {
    for (;;) {
      const { status, body } = await this.get();
      if (status === 200) {
        const packets = body.split(SEPARATOR);
        if (packets.includes("1")) break;
        assert.ok(packets.every((packet) => packet !== "2"), "the session goes on");
      } else {
        assert.equal(status, 400, body);
        assert.equal(JSON.parse(body).code, 1, body);
        break;
      }
    }
    assert.equal(await this.alive(), false);
  }

  /** Whether the server still knows the session. */
  async alive() {
    const { status, body } = await this.post("3");
    if (status === 200) return true;
    assert.equal(status, 400, body);
    assert.equal(JSON.parse(body).code, 1, body);
    return false;
  }
}
