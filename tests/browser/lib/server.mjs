// The chat's program: started on a free port with a data folder of its own, stopped, killed, started again.

import { spawn } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../../..");
const START_WITHIN = 20_000;

/** The program to test: `ENCHUFE_CHAT`, or what Cargo has built last. */
export function program() {
  const built = ["release", "debug"].map((profile) => join(ROOT, "target", profile, "example-chat")).filter(existsSync);
  const [newest] = built.sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
  const found = process.env.ENCHUFE_CHAT ?? newest;
  if (!found || !existsSync(found)) {
    throw new Error(`no chat to test: set ENCHUFE_CHAT to its program, or run "cargo build --package example-chat"`);
  }
  return found;
}

export class Chat {
  #child = null;
  #log = "";

  constructor(folder) {
    this.folder = folder;
    this.port = 0;
  }

  /** A chat with an empty database, running. */
  static async start() {
    const chat = new Chat(await mkdtemp(join(tmpdir(), "enchufe-chat-")));
    await chat.start();
    return chat;
  }

  get url() {
    return `http://localhost:${this.port}`;
  }

  /** Starts the program; the second time on the same port. */
  async start() {
    const child = spawn(program(), ["--port", String(this.port), "--data", this.folder], { stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    child.stderr.on("data", (data) => (this.#log += data));
    this.port = await new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`the chat did not start:\n${this.#log}`)), START_WITHIN);
      let printed = "";
      child.stdout.on("data", (data) => {
        printed += data;
        const found = printed.match(/listening on http:\/\/[^\s]+:(\d+)/);
        if (!found) return;
        clearTimeout(late);
        resolve(Number(found[1]));
      });
      child.on("error", reject);
      child.on("exit", (code) => reject(new Error(`the chat ended with ${code} before it listened:\n${this.#log}`)));
    });
  }

  /** Ends the program and answers with {code, signal, took}. */
  async end(signal) {
    const child = this.#child;
    this.#child = null;
    if (!child || child.exitCode !== null || child.signalCode !== null) return { code: child?.exitCode, signal: child?.signalCode, took: 0 };
    const from = Date.now();
    const ended = new Promise((resolve) => child.once("exit", (code, by) => resolve({ code, signal: by, took: Date.now() - from })));
    child.kill(signal);
    return ended;
  }

  /** Kills it at once, as a power cut would. */
  kill() {
    return this.end("SIGKILL");
  }

  /** Asks it to stop. */
  stop() {
    return this.end("SIGTERM");
  }

  /** What it has logged. */
  get log() {
    return this.#log;
  }

  async remove() {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }
}
