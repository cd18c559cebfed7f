/** A chat and a typed application, as one writes them for "socket.io-client". */
import { io, type Socket } from "socket.io-client";

export interface FromServer {
  welcome: (hello: { id: string; recovered: boolean }) => void;
  msg: (text: string, from: { name: string }) => void;
}
export interface FromClient {
  join: (room: string, done: () => void) => void;
  rooms: (answer: (rooms: string[]) => void) => void;
  room: (room: string, text: string, from: { name: string }, done: () => void) => void;
}

export function chat(url: string, name: string, show: (line: string) => void) {
  const socket: Socket<FromServer, FromClient> = io(url + "/chat", { forceNew: true });
  socket.on("msg", (text, from) => show(`${from.name}: ${text}`));
  return {
    socket,
    enter: (room: string) => socket.timeout(5000).emitWithAck("join", room),
    rooms: () => socket.emitWithAck("rooms"),
    say: (room: string, text: string) => new Promise<void>((done) => socket.emit("room", room, text, { name }, done)),
  };
}
