/**
 * The `app` profile of the testbed on the official Node server (npm `socket.io`), so that the same integration suite can be
 * run against both. Prints `listening on 127.0.0.1:PORT`.
 *
 *     node test/official-server.mjs --port 0 [--ping-interval MS] [--ping-timeout MS] [--max-http-buffer-size BYTES]
 *          [--recovery MS] [--transports polling,websocket] [--no-upgrade] [--parser json|msgpack]
 */
import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { Server } from "socket.io";
import * as msgpack from "socket.io-msgpack-parser";

const { values: flags } = parseArgs({
  options: {
    port: { type: "string", default: "0" },
    "ping-interval": { type: "string", default: "25000" },
    "ping-timeout": { type: "string", default: "20000" },
    "max-http-buffer-size": { type: "string", default: "1000000" },
    recovery: { type: "string" },
    transports: { type: "string", default: "polling,websocket" },
    "no-upgrade": { type: "boolean", default: false },
    parser: { type: "string", default: "json" },
  },
});

const node = Math.random().toString(36).slice(2);
const http = createServer((req, res) => {
  res.writeHead(req.url === "/healthz" ? 200 : 404).end(req.url === "/healthz" ? "ok" : "");
});
const io = new Server(http, {
  pingInterval: Number(flags["ping-interval"]),
  pingTimeout: Number(flags["ping-timeout"]),
  maxHttpBufferSize: Number(flags["max-http-buffer-size"]),
  transports: flags.transports.split(","),
  allowUpgrades: !flags["no-upgrade"],
  cors: { origin: "*" },
  ...(flags.parser === "msgpack" && { parser: msgpack.default }),
  ...(flags.recovery && { connectionStateRecovery: { maxDisconnectionDuration: Number(flags.recovery) } }),
});

const count = (n) => (Number.isInteger(n) && n > 0 ? n : 0);
const call = (ack, ...args) => typeof ack === "function" && ack(...args);

/** The events of the profile; each takes the socket, its namespace and the arguments. */
const events = {
  echo: (socket, nsp, ...args) => {
    const ack = typeof args.at(-1) === "function" && args.pop();
    if (ack) ack(...args);
    else socket.emit("echo", ...args);
  },
  sleep: (socket, nsp, ms, value, ack) => setTimeout(() => call(ack, value), count(ms)),
  join: (socket, nsp, rooms, ack) => {
    socket.join(rooms);
    call(ack);
  },
  leave: (socket, nsp, room, ack) => {
    socket.leave(room);
    call(ack);
  },
  rooms: (socket, nsp, ack) => call(ack, [...socket.rooms].sort()),
  room: (socket, nsp, room, ...args) => toMessage(nsp.to(room), args),
  others: (socket, nsp, room, ...args) => toMessage(socket.to(room), args),
  broadcast: (socket, nsp, ...args) => toMessage(nsp, args),
  "broadcast-others": (socket, nsp, ...args) => toMessage(socket.broadcast, args),
  except: (socket, nsp, room, ...args) => toMessage(nsp.except(room), args),
  local: (socket, nsp, ...args) => toMessage(nsp.local, args),
  volatile: (socket, nsp, n, bytes) => {
    for (let i = 0; i < count(n); i++) socket.volatile.emit("tick", i, "x".repeat(count(bytes)));
    socket.emit("ticked", n);
  },
  flood: (socket, nsp, n, bytes) => {
    for (let i = 0; i < count(n); i++) socket.emit("tick", i, "x".repeat(count(bytes)));
    socket.emit("ticked", n);
  },
  "ask-me": (socket, nsp, question) => socket.emit("question", question, (answer) => socket.emit("answer", answer)),
  "ask-all": (socket, nsp, question, ms, ack) => {
    nsp.timeout(count(ms)).emit("question", question, (err, responses) => call(ack, { timedOut: !!err, responses }));
  },
  "set-data": (socket, nsp, data, ack) => {
    socket.data = data;
    call(ack);
  },
  "sockets-join": (socket, nsp, room, target, ack) => {
    nsp.in(room).socketsJoin(target);
    call(ack);
  },
  "sockets-leave": (socket, nsp, room, target, ack) => {
    nsp.in(room).socketsLeave(target);
    call(ack);
  },
  "disconnect-sockets": (socket, nsp, room, close) => nsp.in(room).disconnectSockets(!!close),
  kick: (socket, nsp, close) => socket.disconnect(!!close),
  handshake: (socket, nsp, ack) => call(ack, socket.handshake),
  whoami: (socket, nsp, ack) =>
    call(ack, {
      id: socket.id,
      nsp: socket.nsp.name,
      transport: socket.conn.transport.name,
      protocol: socket.conn.protocol,
      recovered: socket.recovered,
      node,
    }),
};

function toMessage(target, args) {
  const ack = typeof args.at(-1) === "function" && args.pop();
  target.emit("msg", ...args);
  call(ack);
}

function serve(nsp) {
  nsp.on("connection", (socket) => {
    socket.emit("welcome", { id: socket.id, recovered: socket.recovered });
    socket.on("disconnect", (reason) => socket.nsp.emit("left", socket.id, reason));
    for (const [name, handler] of Object.entries(events)) socket.on(name, (...args) => handler(socket, socket.nsp, ...args));
    socket.onAny((name, ...args) => {
      if (Object.hasOwn(events, name)) return;
      socket.emit("unknown", name, args.filter((arg) => typeof arg !== "function").length);
    });
  });
}

serve(io.of("/"));
serve(io.of("/chat"));
serve(io.of(/^\/tenant-\d+$/));
const guarded = io.of("/protected");
guarded.use((socket, next) => {
  if (socket.handshake.auth.token === "secret") return next();
  next(Object.assign(new Error("unauthorized"), { data: { code: 401 } }));
});
serve(guarded);

http.listen(Number(flags.port), "127.0.0.1", () => console.log(`listening on 127.0.0.1:${http.address().port}`));
for (const signal of ["SIGTERM", "SIGINT"]) {
  process.on(signal, () => {
    io.close();
    setTimeout(() => process.exit(0), 200);
  });
}
