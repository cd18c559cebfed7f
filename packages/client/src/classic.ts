/** The entry of the classic script: the global `io`, or what a CommonJS or AMD loader gets. */
import { io } from "./index.js";

declare const exports: unknown;
declare const define: any;

if (typeof exports == "object" && typeof module == "object") module.exports = io;
else if (typeof define == "function" && define.amd) define(() => io);
else (globalThis as any).io = io;
