/** The servers of the suite, started and ended by the page's own server (`scripts/browser.mjs`). */
import type { Server } from "../server/servers.js";

export type { Server };

async function ask(what: string, ...args: unknown[]): Promise<any> {
  const response = await fetch("/control", { method: "POST", body: JSON.stringify([what, ...args]) });
  if (!response.ok) throw new Error(await response.text());
  return response.json();
}

export const canStart = true;
export const without: string = process.env.SERVER_WITHOUT!;
export const freePort = (): Promise<number> => ask("freePort");

export async function start(flags: string[] = [], port?: number): Promise<Server> {
  const server = await ask("start", flags, port);
  const tell = (what: string) => () => ask(what, server.id).then(() => {});
  return { ...server, kill: tell("kill"), stop: tell("stop"), freeze: tell("freeze"), thaw: tell("thaw") };
}
