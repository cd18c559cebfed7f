// One of the small examples: built by Cargo, started on a free port, asked where it listens, ended.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const TARGET = join(dirname(fileURLToPath(import.meta.url)), "../../../target");
const START_WITHIN = 20_000;

/** Starts `example-NAME` and answers with its `{url, stop}`. */
export async function start(name) {
  const folders = [process.env.ENCHUFE_EXAMPLES, join(TARGET, "debug"), join(TARGET, "release")];
  const program = folders.filter(Boolean).map((folder) => join(folder, `example-${name}`)).find(existsSync);
  if (!program) throw new Error(`example-${name} is not built: cargo build --package example-${name}`);
  const child = spawn(program, ["--port", "0"], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const stop = async () => {
    child.kill();
    await ended;
  };
  const url = await new Promise((resolve, reject) => {
    let printed = "";
    child.stdout.on("data", (data) => {
      const found = (printed += data).match(/listening on (http:\S+)\n/);
      if (found) resolve(found[1]);
    });
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`example-${name} ended with ${code} before it listened`)));
    setTimeout(() => reject(new Error(`example-${name} does not say where it listens`)), START_WITHIN).unref();
  });
  return { url, stop };
}
