// A WebSocket client that writes the bytes it is told to, also those that no honest client sends,
// and reads whole frames (the server never needs to fragment).

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { connect } from "node:net";
import { Inbox, isFarewell, within } from "./util.mjs";

export const OP = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 };

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** The bytes of one frame; masked with a random key unless told otherwise. */
export function frame(opcode, payload = "", { fin = true, masked = true, reserved = 0 } = {}) {
  const data = Buffer.from(payload);
  const head = [(fin ? 0x80 : 0) | (reserved << 4) | opcode];
  const bit = masked ? 0x80 : 0;
  if (data.length < 126) head.push(bit | data.length);
  else if (data.length < 0x10000) head.push(bit | 126, data.length >> 8, data.length & 0xff);
  else {
    const length = Buffer.alloc(8);
    length.writeBigUInt64BE(BigInt(data.length));
    head.push(bit | 127, ...length);
  }
  if (!masked) return Buffer.concat([Buffer.from(head), data]);
  const key = randomBytes(4);
  const body = Buffer.from(data);
  for (let i = 0; i < body.length; i++) body[i] ^= key[i & 3];
  return Buffer.concat([Buffer.from(head), key, body]);
}

/** Text frames, one after another. */
export const texts = (...packets) => Buffer.concat(packets.map((packet) => frame(OP.text, packet)));

/** The request that asks for the WebSocket. */
export function upgradeRequest(port, target, headers = {}) {
  const key = randomBytes(16).toString("base64");
  const all = {
    Host: `127.0.0.1:${port}`,
    Upgrade: "websocket",
    Connection: "Upgrade",
    "Sec-WebSocket-Key": key,
    "Sec-WebSocket-Version": "13",
    ...headers,
  };
  const lines = Object.entries(all).filter(([, value]) => value !== undefined);
  const text = lines.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return { key, text: `GET ${target} HTTP/1.1\r\n${text}\r\n` };
}

/** A connection after its 101; frames wait in order until they are taken. */
export class RawWebSocket {
  #buffer = Buffer.alloc(0);
  #frames = new Inbox();
  #head;

  /**
   * Opens a WebSocket; `early` are bytes sent in the same segment as the request.
   * Where the answer is no 101, `status` and `rest` say what it is.
   */
  static async open(port, target, { headers, early = Buffer.alloc(0) } = {}) {
    const socket = new RawWebSocket();
    const { key, text } = upgradeRequest(port, target, headers);
    socket.tcp = connect({ port, host: "127.0.0.1", noDelay: true });
    /** Resolves when the server's end is closed, however. */
    socket.closed = new Promise((resolve) => {
      socket.tcp.on("end", resolve);
      socket.tcp.on("close", resolve);
    });
    const head = new Promise((resolve) => (socket.#head = resolve));
    socket.tcp.on("error", () => {});
    socket.tcp.on("data", (chunk) => socket.#read(chunk));
    socket.closed.then(() => {
      socket.#head?.("");
      socket.#frames.close();
    });
    socket.tcp.write(Buffer.concat([Buffer.from(text), early]));
    const answer = await within(head, 5000, "the answer to the upgrade request");
    socket.head = answer;
    socket.status = Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? 0);
    if (socket.status === 101) {
      const accept = createHash("sha1").update(key + GUID).digest("base64");
      assert.ok(answer.includes(accept), `wrong Sec-WebSocket-Accept in ${answer}`);
    }
    return socket;
  }

  /** A session over WebSocket alone: opened, its handshake read into `handshake`. */
  static async session(port, { path = "/socket.io/", query = "", ...options } = {}) {
    const socket = await RawWebSocket.open(port, `${path}?EIO=4&transport=websocket${query}`, options);
    assert.equal(socket.status, 101, socket.head);
    const open = await socket.text();
    assert.equal(open[0], "0", open);
    socket.handshake = JSON.parse(open.slice(1));
    return socket;
  }

  #read(chunk) {
    this.#buffer = this.#buffer.length ? Buffer.concat([this.#buffer, chunk]) : chunk;
    if (this.#head) {
      const end = this.#buffer.indexOf("\r\n\r\n");
      if (end < 0) return;
      const head = this.#buffer.subarray(0, end + 4).toString("latin1");
      this.#buffer = this.#buffer.subarray(end + 4);
      const resolve = this.#head;
      this.#head = undefined;
      resolve(head);
      if (!head.startsWith("HTTP/1.1 101")) return;
    }
    for (let taken; (taken = this.#frame()); ) this.#frames.push(taken);
  }

  /** What followed an answer that was no 101. */
  get rest() {
    return this.#buffer.toString();
  }

  #frame() {
    const bytes = this.#buffer;
    if (bytes.length < 2) return undefined;
    let length = bytes[1] & 0x7f;
    let start = 2;
    if (length === 126) {
      if (bytes.length < 4) return undefined;
      length = bytes.readUInt16BE(2);
      start = 4;
    } else if (length === 127) {
      if (bytes.length < 10) return undefined;
      length = Number(bytes.readBigUInt64BE(2));
      start = 10;
    }
    if (bytes.length < start + length) return undefined;
    assert.equal(bytes[1] & 0x80, 0, "a server must not mask");
    assert.ok(bytes[0] & 0x80, "the server fragments");
    const payload = Buffer.from(bytes.subarray(start, start + length));
    this.#buffer = bytes.subarray(start + length);
    return { opcode: bytes[0] & 0x0f, payload };
  }

  /** Sends text frames in one write. */
  send(...packets) {
    this.tcp.write(texts(...packets));
  }

  /** Sends bytes as they are. */
  write(bytes) {
    this.tcp.write(bytes);
  }

  /** The next frame. */
  frame(ms) {
    return this.#frames.next(ms, "a frame");
  }

  /**
   * The next text frame's text, other frames than text being an error; heartbeats are answered, and
   * what tells of other sockets is passed over.
   */
  async text(ms) {
    for (;;) {
      const { opcode, payload } = await this.frame(ms);
      assert.equal(opcode, OP.text, `opcode ${opcode}: ${payload.toString("hex").slice(0, 80)}`);
      const text = payload.toString();
      if (text === "2") this.send("3");
      else if (!isFarewell(text)) return text;
    }
  }

  /** Connects to the main namespace and takes the greeting; resolves to the reply to CONNECT. */
  async connect(greetings = 1) {
    this.send("40");
    const reply = await this.text();
    for (let i = 0; i < greetings; i++) await this.text();
    return reply;
  }

  /** Resolves to the close code once the server closes, 1005 without one, 1006 without a close frame. */
  async closing(ms = 5000) {
    const deadline = Date.now() + ms;
    for (;;) {
      let next;
      try {
        next = await this.frame(Math.max(1, deadline - Date.now()));
      } catch (error) {
        if (/closed while waiting/.test(error.message)) return 1006;
        throw new Error(`the server did not close within ${ms} ms`, { cause: error });
      }
      if (next.opcode === OP.close) return next.payload.length < 2 ? 1005 : next.payload.readUInt16BE(0);
    }
  }

  /** Ends it at once, leaving no connection behind that waits. */
  destroy() {
    // Resetting a connection that is shutting down leaves Node spinning at its exit.
    if (this.tcp.writableEnded || this.tcp.readyState !== "open") this.tcp.destroy();
    else this.tcp.resetAndDestroy();
  }
}
