/** The module that the official guide has a Vue application import: one socket, and what the components see of it. */
import { io } from "socket.io-client";
import { reactive } from "vue";

export function connect(url: string) {
  const state = reactive({ connected: false, messages: [] as string[] });
  const socket = io(url, { forceNew: true });
  socket.on("connect", () => {
    state.connected = true;
  });
  socket.on("disconnect", () => {
    state.connected = false;
  });
  socket.on("msg", (...args: string[]) => {
    state.messages.push(...args);
  });
  return { socket, state };
}
