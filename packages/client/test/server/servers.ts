/** Servers to test against, each a process. In a browser `test/browser/servers.ts` stands in its place. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";

const command = process.env.SERVER_START || "";
/** Whether servers can be started, killed and given flags; else there is one that stays up. */
export const canStart = !!command;
/** Abilities that the server lacks. */
export const without = process.env.SERVER_WITHOUT || "";

export interface Server {
  url: string;
  port: number;
  /** SIGKILL, and wait for the end. */
  kill(): Promise<void>;
  /** SIGTERM, and wait for the end. */
  stop(): Promise<void>;
  /** SIGSTOP and SIGCONT. */
  freeze(): Promise<void>;
  thaw(): Promise<void>;
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

const nothing = async () => {};

/** Starts a server, ready to accept; or gives the one that is up, which takes no flags. */
export async function start(flags: string[] = [], port?: number): Promise<Server> {
  if (!canStart) {
    if (flags.length) throw new Error("flags need --start");
    const url = process.env.SERVER_URL!;
    return { url, port: Number(new URL(url).port), kill: nothing, stop: nothing, freeze: nothing, thaw: nothing };
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
  // Not `child.kill`: Deno's sends one signal only.
  const signal = async (name: NodeJS.Signals) => void process.kill(child.pid!, name);
  const end = async (name: NodeJS.Signals) => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    await signal(name);
    await once(child, "exit");
  };
  return {
    url: "http://127.0.0.1:" + port,
    port,
    kill: () => end("SIGKILL"),
    stop: () => end("SIGTERM"),
    freeze: () => signal("SIGSTOP"),
    thaw: () => signal("SIGCONT"),
  };
}
