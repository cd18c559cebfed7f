/** The minified classic script, as a page without anything else would run it, on Node's `fetch` and the package `ws`. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { createRequire } from "node:module";
import vm from "node:vm";

const globals = globalThis as any;
globals.WebSocket ??= createRequire(PACKAGE_ROOT + "/package.json")("ws").WebSocket;
vm.runInThisContext(readFileSync(resolve(CLIENT_DIST, "socket.io.min.js"), "utf8"));
export const { io } = globals;
export const { Manager, Socket } = io;
export const isNodeBuild = false;
