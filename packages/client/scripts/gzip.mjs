/**
 * How many bytes gzip makes of a text. There are several that count here, and names that suit one may not suit the other: zlib, which
 * most servers and CDNs have; the fork of it in Chromium and Node, which takes no match of three bytes; and the command `gzip`, which
 * finds the same as zlib, but may begin a new block after each 4,096 symbols.
 */
import { gzip } from "pako";
import { spawnSync } from "node:child_process";
import { gzipSync } from "node:zlib";

/** Of zlib, by its port to JavaScript: the same on every machine. */
export const zlibSize = (text) => gzip(text, { level: 9, legacyHash: true }).length;

/** Of Node's zlib. */
export const nodeSize = (text) => gzipSync(text, { level: 9 }).length;

/** Of the command `gzip -9`, or undefined where there is none. */
export function commandSize(text) {
  const { status, stdout } = spawnSync("gzip", ["-9c"], { input: text });
  return status == 0 ? stdout.length : undefined;
}

/** What counts: the larger of those that every machine has. */
export const gzipSize = (text) => Math.max(zlibSize(text), nodeSize(text));
