/** The bundles that the server embeds, as a page, a CommonJS loader, an AMD loader and `import` see them. */
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { test } from "node:test";
import vm from "node:vm";

const read = (name: string) => readFileSync(resolve(CLIENT_DIST, name), "utf8");

const NAMES = ["Manager", "Socket", "connect", "io", "lookup", "protocol"];

const home = () => ({ setTimeout, clearTimeout, queueMicrotask });

const CLASSIC = ["socket.io.js", "socket.io.min.js", "socket.io.msgpack.min.js"];

for (const name of CLASSIC) {
  test(name + ": sets the global io and nothing else", () => {
    const globals: any = home();
    vm.runInNewContext(read(name), globals);
    assert.deepEqual(Object.keys(globals), [...Object.keys(home()), "io"]);
    assert.equal(typeof globals.io, "function");
    assert.deepEqual(Object.keys(globals.io).sort(), NAMES);
  });

  test(name + ": tries the transports in their order", () => {
    const globals: any = { ...home(), AbortController, fetch: () => new Promise(() => {}), WebSocket: class {}, WebTransport: class {} };
    vm.runInNewContext(read(name), globals);
    const { engine } = globals.io("http://localhost", { timeout: false }).io;
    assert.equal(engine.transports.join(), "polling,websocket,webtransport");
    engine.close();
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

for (const name of [...CLASSIC.slice(1), "socket.io.esm.min.js"]) {
  test(name + ": has every private member by its short name", () => {
    // One that keeps its name in one place and not in another is two.
    assert.doesNotMatch(read(name), /[{,.]\$[a-zA-Z]\w/);
  });
}

for (const name of CLASSIC.slice(1)) {
  test(name + ": what applications keep on a socket or a manager is theirs", () => {
    const globals: any = { ...home(), WebSocket: class {} };
    vm.runInNewContext(read(name), globals);
    const socket = globals.io("http://localhost", { autoConnect: false });
    socket.emit("a");
    for (const target of [socket, socket.io]) {
      const members: string[] = [];
      for (let at = target; at; at = Object.getPrototypeOf(at)) members.push(...Object.getOwnPropertyNames(at));
      assert.ok(members.includes("addEventListener"));
      // `socket.x`, `socket.io.me`: the official client has none but these.
      const short = members.filter((key) => /^[a-z][a-z0-9]?$/.test(key) && !["id", "io", "on"].includes(key));
      assert.deepEqual(short, []);
    }
  });
}

test("socket.io.esm.min.js: exports the official names", async () => {
  const module = await import(pathToFileURL(resolve(CLIENT_DIST, "socket.io.esm.min.js")).href);
  for (const name of ["Fetch", "Manager", "NodeWebSocket", "NodeXHR", "Socket", "WebSocket", "XHR", "connect", "default", "io", "protocol"]) {
    assert.ok(name in module, name);
  }
  assert.equal(module.default, module.io);
  assert.equal(module.XHR, module.Fetch);
  assert.equal(module.NodeXHR, module.Fetch);
  assert.equal(module.NodeWebSocket, module.WebSocket);
});

for (const name of [...CLASSIC, "socket.io.esm.min.js"]) {
  test(name + ": has a map with sources and without paths of a machine", () => {
    assert.match(read(name), new RegExp(`//# sourceMappingURL=${name}\\.map\\s*$`));
    const map = JSON.parse(read(name + ".map"));
    assert.equal(map.version, 3);
    assert.equal(map.sources.length, map.sourcesContent.length);
    for (const source of map.sources) assert.match(source, /^enchufe-client\/src\/[\w/-]+\.ts$/);
  });
}

/** What a bundle sends when it joins a namespace, on a WebSocket that the test plays. */
function firstMessage(name: string): Promise<any> {
  return new Promise((resolve) => {
    class FakeWebSocket {
      onopen: any;
      onmessage: any;
      constructor() {
        setTimeout(() => {
          this.onopen();
          this.onmessage({ data: '0{"sid":"s","upgrades":[],"pingInterval":1000,"pingTimeout":1000}' });
        }, 0);
      }
      send(data: any) {
        resolve(data);
      }
      close() {}
    }
    const globals: any = { ...home(), WebSocket: FakeWebSocket, TextEncoder, TextDecoder };
    vm.runInNewContext(read(name), globals);
    globals.io("http://localhost", { transports: ["websocket"], reconnection: false, autoUnref: true, auth: { a: 1 } });
  });
}

test("the bundles with and without msgpack speak each their own", async () => {
  assert.equal(await firstMessage("socket.io.min.js"), '40{"a":1}');
  const bytes = await firstMessage("socket.io.msgpack.min.js");
  assert.equal(Buffer.from(bytes).toString("latin1"), "\x83\xa4type\x00\xa4data\x81\xa1a\x01\xa3nsp\xa1/");
  assert.doesNotMatch(read("socket.io.msgpack.min.js"), /_placeholder/, "the other parser is not in it");
  assert.doesNotMatch(read("socket.io.min.js"), /msgpack/);
});

test("the files of the sources, the tests and the scripts stay short", () => {
  for (const [folder, least] of [["src", 30], ["test", 50], ["scripts", 10]] as const) {
    const files = (readdirSync(resolve(PACKAGE_ROOT, folder), { recursive: true }) as string[]).filter(
      (name) => /\.(ts|mjs)$/.test(name) && !name.includes("node_modules"),
    );
    assert.ok(files.length > least, `${folder} has ${files.length} files`);
    for (const name of files) {
      const lines = readFileSync(resolve(PACKAGE_ROOT, folder, name), "utf8").split("\n").length - 1;
      assert.ok(lines < 300, `${folder}/${name} has ${lines} lines`);
    }
  }
});
