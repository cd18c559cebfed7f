/** The bundle that the page or the worker has loaded. */
export const { io } = globalThis as any;
export const { Manager, Socket } = io;
export const isNodeBuild = false;
