/** A chat and a typed application as they are written for "socket.io-client". Compiled against that package and against ours. */
import { io, Manager, Socket, type ManagerOptions, type SocketOptions } from "socket.io-client";
import defaultIo from "socket.io-client";
import * as everything from "socket.io-client";

// A page.
const socket = io();
socket.on("connect", () => console.log(socket.id, socket.connected, socket.recovered));
socket.on("disconnect", (reason, details) => {
  if (reason === "io server disconnect") socket.connect();
  if (details instanceof Error) console.log(details.message);
  else console.log(details?.description, details?.context);
});
socket.on("connect_error", (err) => {
  const { data } = err as Error & { data?: { code: number } };
  if (socket.active) return;
  console.log(err.message, data?.code);
  socket.auth = { token: "new" };
  socket.connect();
});
socket.on("chat message", (msg: string, from?: { name: string }) => console.log(msg, from?.name));
socket.emit("chat message", "hello", (answer: { ok: boolean }) => answer.ok);
socket.timeout(5000).emit("with ack", 1, (err: Error | null, value: number) => console.log(err, value));
socket.emitWithAck("x", 1).then((value) => value.anything);
socket.timeout(1).emitWithAck("x").catch((err: Error) => err.message);
socket.volatile.emit("cursor", { x: 1, y: 2 });
socket.compress(true).send("text", new Uint8Array(1));
socket.onAny((event, ...args) => console.log(event, args)).onAnyOutgoing((event) => event);
socket.prependAny(() => {}).offAny().prependAnyOutgoing(() => {}).offAnyOutgoing();
socket.once("x", () => {}).off("x").removeAllListeners().disconnect();
socket.open().close();
const listeners: ((...args: any[]) => void)[] = [...socket.listeners("x"), ...socket.listenersAny(), ...socket.listenersAnyOutgoing()];
console.log(listeners, socket.hasListeners("x"), socket.sendBuffer.length, socket.receiveBuffer.length);

// The manager and the engine.
socket.io.on("reconnect_attempt", (attempt) => attempt.toFixed());
socket.io.on("reconnect_error", (err) => err.message);
socket.io.on("reconnect_failed", () => {});
socket.io.on("reconnect", (attempt: number) => attempt);
socket.io.on("error", (err) => err.message);
socket.io.on("ping", () => {});
socket.io.opts.transports = ["websocket", "polling"];
socket.io.opts.query = { a: 1 };
socket.io.reconnection(false).reconnectionAttempts(3).reconnectionDelay(1).reconnectionDelayMax(2).randomizationFactor(0).timeout(10);
const { engine } = socket.io;
console.log(engine.id, engine.transport.name, engine.readyState, engine.writeBuffer.length, engine.binaryType);
engine.once("upgrade", () => console.log(engine.transport.name));
engine.on("packet", ({ type, data }) => console.log(type, data));
engine.on("packetCreate", ({ type }) => type);
engine.on("close", (reason) => reason.toUpperCase());
engine.close();

// Options.
const options: Partial<ManagerOptions & SocketOptions> = {
  forceNew: true, multiplex: false, path: "/my", addTrailingSlash: false, query: { a: "1" }, transports: ["polling", "websocket", "webtransport"],
  upgrade: true, rememberUpgrade: true, forceBase64: false, timestampRequests: true, timestampParam: "t", tryAllTransports: true,
  transportOptions: { polling: { extraHeaders: { a: "b" } } }, extraHeaders: { "x-a": "b" }, withCredentials: true, closeOnBeforeunload: true,
  protocols: ["a"], autoUnref: true, perMessageDeflate: { threshold: 1024 }, rejectUnauthorized: false, requestTimeout: 1,
  autoConnect: false, reconnection: true, reconnectionAttempts: 5, reconnectionDelay: 1, reconnectionDelayMax: 2, randomizationFactor: 0.5,
  timeout: 20000, auth: { token: "t" }, retries: 3, ackTimeout: 1000, useNativeTimers: true, hostname: "h", port: 1, secure: true,
};
io("https://example.com/chat", options);
io("https://example.com", { auth: (cb) => cb({ token: localStorage.getItem("token") }) });
defaultIo(options);
everything.connect("x");
console.log(everything.protocol);
const manager = new Manager("https://example.com", options);
const admin: Socket = manager.socket("/admin", { auth: { a: 1 } });
manager.open((err) => err?.message);
manager.connect();

// Transports by class, and a parser of one's own.
io({ transports: [everything.Fetch, everything.WebSocket, everything.WebTransport] });
io({ transportImplementations: [everything.XHR, everything.NodeXHR, everything.NodeWebSocket] });
class Encoder {
  encode(packet: any) {
    return [JSON.stringify(packet)];
  }
}
class Decoder {
  add(chunk: any) {}
  destroy() {}
  on(event: "decoded", fn: (packet: any) => void) {
    return this;
  }
  off() {
    return this;
  }
}
io({ parser: { Encoder, Decoder } });

// Typed events, in a class and in generic code.
interface ServerToClient {
  noArg: () => void;
  basicEmit: (a: number, b: string, c: Uint8Array) => void;
  withAck: (d: string, callback: (e: number) => void) => void;
}
interface ClientToServer {
  hello: () => void;
  login: (name: string, callback: (result: { ok: true } | { ok: false; why: string }) => void) => void;
}
type AppSocket = Socket<ServerToClient, ClientToServer>;

class Client {
  readonly socket: AppSocket = io("/app");
  constructor() {
    this.socket.on("basicEmit", (a, b, c) => [a.toFixed(), b.trim(), c.byteLength]);
    this.socket.on("withAck", (d, callback) => callback(d.length));
    this.socket.emit("hello");
  }
  async login(name: string): Promise<string> {
    const result = await this.socket.timeout(1000).emitWithAck("login", name);
    return result.ok ? "in" : result.why;
  }
}

// As hooks and composables do it.
function useSocket<Ev extends keyof ServerToClient>(socket: AppSocket, event: Ev, listener: ServerToClient[Ev]): () => void {
  socket.on(event, listener as any);
  return () => {
    socket.off(event, listener as any);
  };
}
const context: { socket: AppSocket | null; rooms: Map<string, Socket> } = { socket: null, rooms: new Map() };
context.socket = new Client().socket;
context.rooms.set("a", io());
useSocket(context.socket, "noArg", () => {})();
const state: { reason?: Socket.DisconnectReason; io: typeof io } = { io };
context.socket.on("disconnect", (reason: Socket.DisconnectReason) => (state.reason = reason));
type Arguments = Parameters<ReturnType<typeof io>["emit"]>;
const args: Arguments = ["event", 1, 2];
io().emit(...args);
