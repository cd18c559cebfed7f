/** Servers to test against, and sockets that are closed after each test. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { afterEach } from "node:test";
import { io, Manager } from "#client";

const command = process.env.SERVER_START || "";
/** Whether servers can be started, killed and given flags; else there is one that stays up. */
export const canStart = !!command;

export interface Server {
  url: string;
  port: number;
  process?: ChildProcess;
  /** SIGKILL, and wait for the end. */
  kill(): Promise<void>;
  /** SIGTERM, and wait for the end. */
  stop(): Promise<void>;
}

const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

/** Starts a server, ready to accept; or gives the one that is up, which takes no flags. */
export async function start(flags: string[] = [], port?: number): Promise<Server> {
  if (!canStart) {
    if (flags.length) throw new Error("flags need --start");
    const url = process.env.SERVER_URL!;
    return { url, port: Number(new URL(url).port), kill: async () => {}, stop: async () => {} };
  }
  port ??= await freePort();
  const [program, ...args] = command.replaceAll("{port}", String(port)).split(/\s+/);
  const child = spawn(program, [...args, ...flags], { stdio: ["ignore", "pipe", "inherit"] });
  running.add(child);
  child.on("exit", () => running.delete(child));
  let output = "";
  child.stdout.setEncoding("utf8");
  while (!/listening on/.test(output)) {
    const [chunk] = await Promise.race([once(child.stdout, "data"), once(child, "exit").then(() => [undefined])]);
    if (chunk === undefined) throw new Error("the server ended before it listened: " + output);
    output += chunk;
  }
  child.stdout.resume();
  const end = async (signal: NodeJS.Signals) => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await once(child, "exit");
  };
  return { url: "http://127.0.0.1:" + port, port, process: child, kill: () => end("SIGKILL"), stop: () => end("SIGTERM") };
}

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
