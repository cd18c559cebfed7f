/** Sockets that are closed after each test, and waiting for things. */
import { afterEach } from "node:test";
import { io, Manager } from "#client";

export { canStart, freePort, start, without, type Server } from "./servers.js";

const sockets: any[] = [];

/** A socket on a connection of its own. */
export function open(url: string, opts: any = {}): any {
  const socket = io(url, { forceNew: true, reconnectionDelay: 50, reconnectionDelayMax: 200, ...opts });
  sockets.push(socket);
  return socket;
}

/** A manager. */
export function manage(url: string, opts: any = {}): any {
  const manager = new Manager(url, { reconnectionDelay: 50, ...opts });
  sockets.push({ io: manager, disconnect: () => {} });
  return manager;
}

afterEach(() => {
  for (const socket of sockets.splice(0)) {
    socket.disconnect();
    socket.io._close();
  }
});

/** The arguments of the next event; fails after `ms`. */
export function next(target: any, event: string, ms = 10_000): Promise<any[]> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no ${event} within ${ms} ms`)), ms);
    target.once(event, (...args: any[]) => {
      clearTimeout(timer);
      resolve(args);
    });
  });
}

export const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Waits until a condition holds. */
export async function until(condition: () => boolean, ms = 10_000): Promise<void> {
  const end = Date.now() + ms;
  while (!condition()) {
    if (Date.now() > end) throw new Error("not within " + ms + " ms: " + condition);
    await wait(10);
  }
}

/** Bytes in whatever shape they came, as an array of numbers. */
export const numbers = (data: any): number[] =>
  Array.from(ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : new Uint8Array(data));

/** The three ways to be connected. */
export const WAYS: [name: string, opts: any][] = [
  ["polling", { transports: ["polling"] }],
  ["websocket", { transports: ["websocket"] }],
  ["upgrade", {}],
];
