/** The minified ES module, on Node's `fetch` and the package `ws`. */
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const globals = globalThis as any;
globals.WebSocket ??= createRequire(PACKAGE_ROOT + "/package.json")("ws").WebSocket;
export const { io, Manager, Socket } = await import(pathToFileURL(resolve(CLIENT_DIST, "socket.io.esm.min.js")).href);
export const isNodeBuild = false;
