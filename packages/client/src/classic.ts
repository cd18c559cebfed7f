/** The entry of the classic script: the global `io`, or what a CommonJS or AMD loader gets. */
export { io as default } from "./index.js";
