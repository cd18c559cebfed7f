// Runs the chat's browser tests from a command line:
//
//   node chat.mjs [CHAT] [CHROMIUM] [--screenshots DIR]
//
// CHAT is the chat's program (default: what Cargo has built), CHROMIUM the browser's (default: /usr/bin/chromium).
// With --screenshots only pictures of the chat are made. The exit code is not zero when anything fails.

import { spawnSync } from "node:child_process";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const folder = dirname(fileURLToPath(import.meta.url));
let options;
try {
  options = parseArgs({ allowPositionals: true, options: { screenshots: { type: "string" }, help: { type: "boolean" } } });
} catch (error) {
  console.error(`chat.mjs: ${error.message}`);
  process.exit(2);
}
const { positionals, values } = options;
if (values.help || positionals.length > 2) {
  console.error("usage: node chat.mjs [CHAT] [CHROMIUM] [--screenshots DIR]");
  process.exit(values.help ? 0 : 2);
}
const env = { ...process.env };
if (positionals[0]) env.ENCHUFE_CHAT = resolve(positionals[0]);
if (positionals[1]) env.CHROMIUM = resolve(positionals[1]);

const script = values.screenshots
  ? [join(folder, "screenshots.mjs"), resolve(values.screenshots)]
  : ["--test", "--test-reporter=spec", join(folder, "chat.test.mjs")];
const { status, error } = spawnSync(process.execPath, script, { env, stdio: "inherit" });
if (error) console.error(`chat.mjs: ${error.message}`);
process.exit(status ?? 1);
