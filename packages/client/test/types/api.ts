/** Compiled only: what an application written for the official typings does, and what the compiler must refuse. */
import defaultIo, { connect, io, Manager, Socket, type ManagerOptions, type SocketOptions, type TransportError } from "@enchufe/client";
import * as msgpack from "@enchufe/client/msgpack";
import { io as official, Socket as OfficialSocket, type DisconnectDescription } from "socket.io-client";

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
declare function is<A, B>(proof: Equal<A, B>): void;

// Calling it.
const options: Partial<ManagerOptions & SocketOptions> = { forceNew: true, auth: { a: 1 }, retries: 3, transports: ["websocket"] };
io();
io("https://example.com");
io({ forceNew: true });
io("https://example.com", options);
io(Math.random() > 0.5 ? "https://example.com" : undefined);
io.connect("/x");
connect("/x", { auth: (cb) => cb({ token: "t" }) });
defaultIo("/x");
official("/x");
// @ts-expect-error: no such transport option type
io({ transports: 3 });
// @ts-expect-error: a number is no address
io(3);

// Untyped events.
{
  const socket = io();
  is<typeof socket, Socket>(true);
  socket.on("connect", () => {});
  // @ts-expect-error: connect has no arguments
  socket.on("connect", (arg) => {});
  socket.on("connect_error", (err) => is<typeof err, Error>(true));
  socket.on("disconnect", (reason, details) => {
    is<typeof reason, Socket.DisconnectReason>(true);
    is<typeof details, DisconnectDescription | undefined>(true);
  });
  socket.on("random", (a, b) => {
    is<typeof a, any>(true);
    is<typeof b, any>(true);
  });
  socket.emit("random", 1, "2", [3], (c: any) => c);
  socket.timeout(100).emit("random", (err: Error, value: any) => [err, value]);
  const value: any = await socket.emitWithAck("random", 1);
  socket.volatile.emit("x", value);
  socket.compress(false).send("x").off().off("x").offAny();
  is<typeof socket.id, string | undefined>(true);
  is<typeof socket.connected, boolean>(true);
  is<typeof socket.active, boolean>(true);
  is<typeof socket.recovered, boolean>(true);
}

// One map for both directions.
interface Both {
  random: (a: number, b: string, c: number[]) => void;
}
{
  const socket: Socket<Both> = io();
  is<typeof socket, Socket<Both, Both>>(true);
  socket.on("random", (a, b, c) => {
    is<typeof a, number>(true);
    is<typeof b, string>(true);
    is<typeof c, number[]>(true);
  });
  socket.emit("random", 1, "2", [3]);
  // @ts-expect-error: arguments are missing
  socket.emit("random");
  // @ts-expect-error: a wrong type
  socket.emit("random", "1", "2", [3]);
  // @ts-expect-error: no such event
  socket.emit("other");
  // @ts-expect-error: no such event
  socket.on("other", () => {});
  // @ts-expect-error: too many arguments
  socket.on("random", (a, b, c, d) => {});
}

// A map for each direction, with acknowledgements.
interface FromServer {
  noArgs: () => void;
  basic: (a: number, b: string) => void;
  withAck: (d: string, callback: (e: number) => void) => void;
}
interface FromClient {
  hello: () => void;
  single: (a: string, callback: (n: number) => void) => void;
  several: (a: string, callback: (n: number, s: string) => void) => void;
}
{
  const socket: Socket<FromServer, FromClient> = io();
  socket.on("withAck", (d, callback) => {
    is<typeof d, string>(true);
    callback(1);
    // @ts-expect-error: the answer is a number
    callback("1");
  });
  socket.once("basic", (a) => is<typeof a, number>(true));
  socket.off("basic", () => {}).removeListener("noArgs").removeAllListeners("withAck");
  is<ReturnType<typeof socket.listeners>[number] extends Function ? true : false, true>(true);
  socket.emit("single", "a", (n) => is<typeof n, number>(true));
  socket.timeout(1).emit("several", "a", (err, n, s) => {
    is<typeof err, Error>(true);
    is<typeof n, number>(true);
    is<typeof s, string>(true);
  });
  const n = await socket.emitWithAck("single", "a");
  is<typeof n, number>(true);
  const timed = await socket.timeout(1).emitWithAck("single", "a");
  is<typeof timed, number>(true);
  // @ts-expect-error: the server's event
  socket.emit("noArgs");
  // @ts-expect-error: the client's event
  socket.on("hello", () => {});
  // @ts-expect-error: an argument is missing
  await socket.emitWithAck("single");
  const same: OfficialSocket<FromServer, FromClient> = socket;
  void same;
}

// The manager and what is below it.
{
  const manager = new Manager("https://example.com", { reconnectionDelay: 10, timeout: 5 });
  new Manager({ host: "example.com" });
  const socket: Socket = manager.socket("/", { auth: {} });
  manager.on("reconnect_attempt", (n) => is<typeof n, number>(true));
  manager.on("reconnect_error", (err) => is<typeof err, Error>(true));
  manager.on("reconnect", (n) => is<typeof n, number>(true));
  manager.on("close", (reason) => is<typeof reason, string>(true));
  // @ts-expect-error: no such event
  manager.on("nonsense", () => {});
  is<ReturnType<typeof manager.reconnectionDelay>, Manager>(true);
  const delay: number = manager.reconnectionDelay();
  manager.reconnection(false).reconnectionDelay(delay).timeout(false);
  socket.io.engine.on("upgrade", (transport) => is<typeof transport.name, string>(true));
  socket.io.engine.once("packetCreate", ({ type, data }) => [type, data]);
  socket.io.engine.transport.name.toUpperCase();
  socket.io.engine.close();
  socket.io.opts.query = { x: 1 };
  socket.auth = { token: "new" };
}

// What the official client does not have.
{
  const socket: Socket<FromServer, FromClient> = io({
    bufferLimit: 1e6,
    bufferPolicy: "drop-oldest",
    ackErrors: true,
    idempotencyKey: (event, ...args) => event + args.length,
    logger: (event, args, source) => [event.length, args.length, source],
    parser: msgpack,
  });
  const answer = await socket.signal(new AbortController().signal).timeout(5).emitWithAck("single", "a");
  is<typeof answer, number>(true);
  new Manager({ logger: (event: string) => event });
  // @ts-expect-error: no such policy
  io({ bufferPolicy: "drop-all" });
  socket.on("connect_error", (err) => {
    const { hint } = err as TransportError;
    is<typeof hint, string | undefined>(true);
  });
}
