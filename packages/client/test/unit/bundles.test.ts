/** The bundles that the server embeds, as a page, a CommonJS loader, an AMD loader and `import` see them. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { test } from "node:test";
import vm from "node:vm";

const read = (name: string) => readFileSync(resolve(CLIENT_DIST, name), "utf8");

const NAMES = ["Manager", "Socket", "connect", "io", "lookup", "protocol"];

const home = () => ({ setTimeout, clearTimeout, queueMicrotask });

for (const name of ["socket.io.js", "socket.io.min.js"]) {
  test(name + ": sets the global io and nothing else", () => {
    const globals: any = home();
    vm.runInNewContext(read(name), globals);
    assert.deepEqual(Object.keys(globals), [...Object.keys(home()), "io"]);
    assert.equal(typeof globals.io, "function");
    assert.deepEqual(Object.keys(globals.io).sort(), NAMES);
  });

  test(name + ": is io under CommonJS and AMD", () => {
    const commonJs: any = { ...home(), module: { exports: {} }, exports: {} };
    vm.runInNewContext(read(name), commonJs);
    assert.deepEqual(Object.keys(commonJs.module.exports).sort(), NAMES);
    let factory: any;
    const define = Object.assign((fn: any) => (factory = fn), { amd: {} });
    vm.runInNewContext(read(name), { ...home(), define });
    assert.deepEqual(Object.keys(factory()).sort(), NAMES);
  });
}

test("socket.io.esm.min.js: exports the official names", async () => {
  const module = await import(pathToFileURL(resolve(CLIENT_DIST, "socket.io.esm.min.js")).href);
  for (const name of ["Fetch", "Manager", "NodeWebSocket", "NodeXHR", "Socket", "WebSocket", "XHR", "connect", "default", "io", "protocol"]) {
    assert.ok(name in module, name);
  }
  assert.equal(module.default, module.io);
});

for (const name of ["socket.io.js", "socket.io.min.js", "socket.io.esm.min.js"]) {
  test(name + ": has a map with sources and without paths of a machine", () => {
    assert.match(read(name), new RegExp(`//# sourceMappingURL=${name}\\.map\\s*$`));
    const map = JSON.parse(read(name + ".map"));
    assert.equal(map.version, 3);
    assert.equal(map.sources.length, map.sourcesContent.length);
    for (const source of map.sources) assert.match(source, /^enchufe-client\/src\/[\w/-]+\.ts$/);
  });
}
