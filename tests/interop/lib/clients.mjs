// The official JavaScript client in the versions that are tested, and the ways it can be told to travel.

import v20 from "socket.io-client-2-0";
import v23 from "socket.io-client-2-3";
import v25 from "socket.io-client-2-5";
import * as v31 from "socket.io-client-3-1";
import * as v40 from "socket.io-client-4-0";
import * as v44 from "socket.io-client-4-4";
import * as v46 from "socket.io-client-4-6";
import * as v48 from "socket.io-client-4-8";
import { within } from "./util.mjs";

/** Those that speak Engine.IO 4. */
export const VERSIONS = { 3.1: v31.io, "4.0": v40.io, "4.4": v44.io, "4.6": v46.io, "4.8": v48.io };

/** Those that speak Engine.IO 3, which a server has to allow. */
export const OLD_VERSIONS = { "2.0": v20, 2.3: v23, 2.5: v25 };

export const TRAVELS = {
  "polling only": ["polling"],
  "WebSocket only": ["websocket"],
  upgrade: ["polling", "websocket"],
};

/** The next time an event comes: its arguments. */
export const next = (socket, event, ms = 5000) =>
  within(
    new Promise((resolve) => socket.once(event, (...args) => resolve(args))),
    ms,
    `the event ${event}`,
  );

/** Emits and waits for the answer: its arguments. */
export const ask = (socket, event, ...args) =>
  within(
    new Promise((resolve) => socket.emit(event, ...args, (...answer) => resolve(answer))),
    5000,
    `the answer to ${event}`,
  );

/** Clients of one version that travel one way; `close` ends those that are still there. */
export class Clients {
  #open = [];

  /** `defaults` are options of all of them. */
  constructor(bed, io, transports, defaults = {}) {
    this.bed = bed;
    this.defaults = defaults;
    this.io = io;
    this.transports = transports;
  }

  /** A client that may not be connected yet. */
  make(nsp = "/", options = {}) {
    const socket = this.io(`${this.bed.url}${nsp}`, {
      transports: this.transports,
      forceNew: true,
      reconnectionDelay: 50,
      reconnectionDelayMax: 100,
      ...this.defaults,
      ...options,
    });
    this.#open.push(socket);
    return socket;
  }

  /** A client that is connected, greeted and, where it should, upgraded. */
  async connect(nsp = "/", options = {}) {
    const socket = this.make(nsp, options);
    const welcome = next(socket, "welcome");
    await next(socket, "connect");
    socket.welcome = (await welcome)[0];
    const { engine } = socket.io;
    if (this.transports.length > 1 && engine.transport.name === "polling") {
      // `once` of node:events does not know the emitter of the old versions.
      await within(new Promise((done) => engine.once("upgrade", done)), 5000, "the upgrade");
    }
    return socket;
  }

  /** Several of them. */
  all(count, nsp) {
    return Promise.all(Array.from({ length: count }, () => this.connect(nsp)));
  }

  close() {
    for (const socket of this.#open.splice(0)) {
      socket.disconnect();
      // A manager that never got through keeps trying until it is told not to.
      (socket.io._close ?? socket.io.close).call(socket.io);
    }
  }
}
