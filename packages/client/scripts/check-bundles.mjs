/** `npm run check-bundles`: fails when the bundles in the server crate are not what the sources build. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { clientDist, serverBundles } from "./bundle.mjs";

const stale = Object.entries(await serverBundles()).filter(([name, content]) => {
  try {
    return readFileSync(resolve(clientDist, name), "utf8") != content;
  } catch {
    return true;
  }
});
if (stale.length) {
  console.error(`not what the sources build: ${stale.map(([name]) => name).join(", ")}; run \`npm run build\` and commit`);
  process.exit(1);
}
console.log("the bundles in crates/server/client-dist are what the sources build");
