// Starting and stopping the server under test: the testbed that ENCHUFE_TESTBED names, or with
// ENCHUFE_REFERENCE=1 the same contract on the official server.

import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { test } from "node:test";

export const REFERENCE = process.env.ENCHUFE_REFERENCE === "1";

const SERVER = fileURLToPath(new URL("../reference-server.mjs", import.meta.url));

/** A test that asks for more than the official server does; left out where that one is under test. */
export function better(name, run) {
  return test(name, { skip: REFERENCE && "the official server falls short here" }, run);
}

/** Starts the server with a profile and further flags; resolves once it listens. */
export async function start(profile, ...flags) {
  const bed = launch("--profile", profile, "--port", "0", ...flags);
  const line = await bed.line();
  const match = /^listening on 127\.0\.0\.1:(\d+)$/.exec(line);
  if (!match) {
    bed.kill();
    throw new Error(`the server's first line should name its port, not: ${line}\n${bed.errors()}`);
  }
  bed.port = Number(match[1]);
  bed.url = `http://127.0.0.1:${bed.port}`;
  return bed;
}

/** Runs the server with just these arguments. */
export function launch(...args) {
  const [program, ...before] = REFERENCE
    ? [process.execPath, SERVER]
    : [process.env.ENCHUFE_TESTBED ?? missing()];
  const child = spawn(program, [...before, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  return new Testbed(child);
}

function missing() {
  throw new Error("set ENCHUFE_TESTBED to the testbed's binary, or use `cargo xtask`");
}

class Testbed {
  #child;
  #out = "";
  #err = "";
  #waiting = [];

  constructor(child) {
    this.#child = child;
    /** Resolves to `{code, signal}` when the process has ended. */
    this.ended = new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("exit", (code, signal) => resolve({ code, signal }));
    });
    child.stdout.setEncoding("utf8").on("data", (text) => {
      this.#out += text;
      this.#deliver();
    });
    child.stderr.setEncoding("utf8").on("data", (text) => (this.#err += text));
    this.ended.then(() => this.#deliver(true), () => this.#deliver(true));
  }

  get pid() {
    return this.#child.pid;
  }

  /** The first line on standard output, or "" if it ended without one. */
  line() {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#deliver();
    });
  }

  #deliver(over = false) {
    const end = this.#out.indexOf("\n");
    if (end < 0 && !over) return;
    for (const resolve of this.#waiting.splice(0)) resolve(this.#out.slice(0, Math.max(end, 0)));
  }

  /** What it wrote to standard error so far. */
  errors() {
    return this.#err;
  }

  /** Asks it to end; resolves to `{code, signal, took}` in milliseconds. */
  async stop(signal = "SIGTERM") {
    const asked = Date.now();
    this.#child.kill(signal);
    const stuck = setTimeout(() => this.#child.kill("SIGKILL"), 15_000);
    const end = await this.ended;
    clearTimeout(stuck);
    return { ...end, took: Date.now() - asked };
  }

  /** Ends it as a crash would. */
  async kill() {
    this.#child.kill("SIGKILL");
    await this.ended;
  }
}
