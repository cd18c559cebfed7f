/**
 * React Native, simulated: the same sources under a CommonJS loader, with the globals that it has and without those that it has not
 * (no page, no `location`, no events of a window, a `WebSocket` that takes headers as its third argument).
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { after, before, test } from "node:test";
import vm from "node:vm";
import { next, numbers, start, type Server } from "./util.js";

const require = createRequire(PACKAGE_ROOT + "/package.json");
const ws = require("ws");

let server: Server;
before(async () => {
  server = await start();
});
after(() => server.stop());

function home(): any {
  const globals: any = {
    ...{ setTimeout, clearTimeout, queueMicrotask, AbortController, atob, btoa, console },
    navigator: { product: "ReactNative" },
    // Of what comes with a request it knows some.
    fetch: (url: string, { method, body, headers, signal }: any) => fetch(url, { method, body, headers, signal }),
    WebSocket: class {
      constructor(url: string, protocols: any, { headers }: any) {
        return new ws.WebSocket(url, protocols, { headers });
      }
    },
    module: { exports: {} },
    exports: {},
  };
  globals.window = globals.self = globals;
  vm.runInNewContext(readFileSync(resolve(CLIENT_DIST, "socket.io.js"), "utf8"), globals);
  return globals;
}

for (const transports of [["polling"], ["websocket"], ["polling", "websocket"]]) {
  test("React Native: a conversation over " + transports.join(" and "), async (t) => {
    const io = home().module.exports;
    const extraHeaders = { "x-token": "yes" };
    const socket = io(server.url, { transports, extraHeaders, forceNew: true, reconnectionDelay: 10 });
    t.after(() => socket.disconnect());
    assert.equal((await socket.emitWithAck("handshake")).headers["x-token"], "yes");
    assert.deepEqual(numbers(await socket.emitWithAck("echo", Uint8Array.of(1, 2, 3))), [1, 2, 3]);
    socket.io.engine.close();
    await next(socket, "connect");
    assert.equal(await socket.emitWithAck("echo", "again"), "again");
  });
}

test("React Native: its bundler takes the sources for browsers, under CommonJS", () => {
  const { exports, ...rest } = require("./package.json");
  assert.equal(exports["."]["react-native"].default, "./dist/cjs/index.js");
  assert.equal(rest["react-native"], "./dist/cjs/index.js", "for one that does not read `exports`");
});
