/** `npm run size`: bytes of the bundles, plain, gzip -9 and brotli; fails above the budget. */
import { brotliCompressSync, gzipSync } from "node:zlib";
import { allBundles } from "./bundle.mjs";

// Bytes, gzip -9, about what they have: what is added has to be saved elsewhere. The official bundles have 14,763 and 12,888.
const budget = { "socket.io.min.js": 8550, "socket.io.esm.min.js": 8580, "socket.io.msgpack.min.js": 9750, "socket.io.esm.msgpack.min.js": 9750 };

let over = false;
for (const [name, content] of Object.entries(await allBundles())) {
  if (name.endsWith(".map")) continue;
  const gzip = gzipSync(content, { level: 9 }).length;
  over ||= gzip > budget[name];
  console.log(name, Buffer.byteLength(content), "gzip", gzip, "brotli", brotliCompressSync(content).length, "budget", budget[name] ?? "-");
}
if (over) {
  console.error("over budget");
  process.exit(1);
}
