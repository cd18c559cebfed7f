/** The build for Node. */
export { io, Manager, Socket } from "../../src/node.js";
export const isNodeBuild = true;
