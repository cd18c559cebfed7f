// The testbed's contract on the official Node server: what it shows to work here is what the
// official system does. Run the suites against it with ENCHUFE_REFERENCE=1; those few tests that ask
// for better than it gives are marked with `better`.
//
//   node reference-server.mjs --profile engine|engine-client|protocol|client|app --port PORT [flags of app]

import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { Server as Engine } from "engine.io";
import { Server } from "socket.io";
import msgpack from "socket.io-msgpack-parser";

const profiles = { engine, "engine-client": engineClient, protocol, client, app };

const { values: flags } = parseArgs({
  options: {
    profile: { type: "string" },
    port: { type: "string", default: "0" },
    "ping-interval": { type: "string" },
    "ping-timeout": { type: "string" },
    "connect-timeout": { type: "string" },
    "upgrade-timeout": { type: "string" },
    "max-http-buffer-size": { type: "string" },
    transports: { type: "string" },
    "no-upgrade": { type: "boolean", default: false },
    "allow-eio3": { type: "boolean", default: false },
    cors: { type: "string" },
    cookie: { type: "string" },
    parser: { type: "string", default: "json" },
    recovery: { type: "string" },
    workers: { type: "string" },
  },
});

if (!profiles[flags.profile]) {
  console.error(`unknown profile ${flags.profile}`);
  process.exit(2);
}

const http = createServer((request, response) => {
  response.statusCode = request.url === "/healthz" ? 200 : 404;
  response.end(request.url === "/healthz" ? "ok" : "not found");
});
const close = profiles[flags.profile](http);
http.listen(Number(flags.port), "127.0.0.1", () => {
  console.log(`listening on 127.0.0.1:${http.address().port}`);
});
for (const signal of ["SIGTERM", "SIGINT"]) {
  process.on(signal, () => {
    close();
    setTimeout(() => process.exit(0), 200);
  });
}

function engine(http) {
  const server = new Engine({
    pingInterval: 300,
    pingTimeout: 200,
    maxHttpBufferSize: 1_000_000,
    cors: { origin: "*" },
    allowEIO3: true,
  });
  server.attach(http, { path: "/engine.io" });
  server.on("connection", (socket) => socket.on("message", (data) => socket.send(data)));
  return () => server.close();
}

function engineClient(http) {
  const server = new Engine({
    pingInterval: 500,
    maxHttpBufferSize: 100,
    allowRequest: (request, done) =>
      done(null, !new URL(request.url, "http://localhost").searchParams.has("deny")),
  });
  server.attach(http, { path: "/engine.io" });
  const replies = {
    "give binary": () => Buffer.from([0, 1, 2, 3, 4]),
    "give utf8": () => "пойду спать всем спокойной ночи",
    sendHeaders: ({ transport, request }) => JSON.stringify((transport.dataReq ?? request).headers),
  };
  server.on("connection", (socket) => {
    socket.send("hi");
    socket.on("message", (data) => socket.send(replies[data] ? replies[data](socket) : data));
  });
  server.on("initial_headers", (headers) => {
    headers["set-cookie"] = [
      "1=1; Max-Age=86400",
      "2=2; Path=/; HttpOnly; Secure; SameSite=Strict",
      "3=3; Max-Age=0",
      `4=4; Expires=${new Date().toUTCString()}`,
    ];
  });
  return () => server.close();
}

function protocol(http) {
  const io = new Server(http, {
    pingInterval: 300,
    pingTimeout: 200,
    connectTimeout: 1000,
    cors: { origin: "*" },
  });
  const greet = (socket) => socket.emit("auth", socket.handshake.auth);
  io.on("connection", (socket) => {
    greet(socket);
    socket.on("message", (...args) => socket.emit("message-back", ...args));
    socket.on("message-with-ack", (...args) => args.pop()(...args));
  });
  io.of("/custom").on("connection", greet);
  return () => io.close();
}

function client(http) {
  const io = new Server(http, {
    pingInterval: 2000,
    connectionStateRecovery: {},
    allowRequest: (_request, answer) => setTimeout(() => answer(null, true), 10),
  });
  io.use((socket, next) =>
    next(socket.handshake.query.fail ? new Error("Auth failed (main namespace)") : undefined),
  );
  io.of("/no").use((_socket, next) => next(new Error("Auth failed (custom namespace)")));
  for (const name of ["/timeout_socket", "/valid", "/asd"]) io.of(name);
  io.of("/foo").on("connection", (socket) => socket.on("getId", (ack) => ack(socket.id)));
  io.of("/abc").on("connection", (socket) => socket.emit("handshake", socket.handshake));
  io.on("connection", (socket) => {
    const reply = (event, ...args) => () => socket.emit(event, ...args);
    socket.on("hi", reply("hi"));
    socket.on("echo", (value, ack) => ack(value));
    socket.on("ack", () =>
      socket.emit("ack", (a, b) => {
        if (a === 5 && b?.test === true) socket.emit("got it");
      }),
    );
    socket.on("getAckDate", (_data, ack) => ack(new Date()));
    socket.on("getDate", () => socket.emit("takeDate", new Date()));
    socket.on("getDateObj", () => socket.emit("takeDateObj", { date: new Date() }));
    socket.on("getUtf8", () => {
      for (const text of ["てすと", "Я Б Г Д Ж Й", "Ä ä Ü ü ß", "utf8 — string", "utf8 — string"]) {
        socket.emit("takeUtf8", text);
      }
    });
    socket.on("false", reply("false", false));
    socket.on("doge", reply("doge", Buffer.from("asdfasdf")));
    socket.on("buffa", (bytes) => Buffer.isBuffer(bytes) && socket.emit("buffack"));
    const isObject = (o) => o?.hello === "lol" && Buffer.isBuffer(o.message) && o.goodbye === "gotcha";
    socket.on("jsonbuff", (object) => isObject(object) && socket.emit("jsonbuff-ack"));
    socket.on("jsonblob", (object) => isObject(object) && socket.emit("jsonblob-ack"));
    let first = false;
    socket.on("abuff1", (bytes) => (first = Buffer.isBuffer(bytes)));
    socket.on("abuff2", () => first && socket.emit("abuff2-ack"));
    socket.on("blob", (bytes) => Buffer.isBuffer(bytes) && socket.emit("back"));
    let blobs = 0;
    socket.on("blob1", (bytes) => Buffer.isBuffer(bytes) && (blobs = 1));
    socket.on("blob2", (text) => text === "second" && blobs === 1 && (blobs = 2));
    socket.on("blob3", (bytes) => Buffer.isBuffer(bytes) && blobs === 2 && socket.emit("blob3-ack"));
    socket.on("getbin", (bytes) => socket.emit("takebin", bytes));
    socket.on("getHandshake", (ack) => ack(socket.handshake));
    socket.on("getId", (ack) => ack(socket.id));
  });
  return () => io.close();
}

function app(http) {
  const number = (name) => (flags[name] === undefined ? undefined : Number(flags[name]));
  const options = {
    pingInterval: number("ping-interval"),
    pingTimeout: number("ping-timeout"),
    connectTimeout: number("connect-timeout"),
    upgradeTimeout: number("upgrade-timeout"),
    maxHttpBufferSize: number("max-http-buffer-size"),
    transports: flags.transports?.split(","),
    parser: flags.parser === "msgpack" ? msgpack : undefined,
    allowUpgrades: !flags["no-upgrade"],
    allowEIO3: flags["allow-eio3"],
    cors: flags.cors && { origin: flags.cors },
    connectionStateRecovery: flags.recovery && { maxDisconnectionDuration: number("recovery") },
    cookie: flags.cookie && { name: flags.cookie, path: "/", httpOnly: true, sameSite: "lax" },
  };
  for (const key of Object.keys(options)) if (options[key] === undefined) delete options[key];
  const io = new Server(http, options);
  const node = randomBytes(8).toString("hex");
  const started = Date.now();
  io.of("/protected").use((socket, next) => {
    if (socket.handshake.auth?.token === "secret") return next();
    next(Object.assign(new Error("unauthorized"), { data: { code: 401 } }));
  });
  for (const name of ["/", "/chat", "/protected", /^\/tenant-\d+$/]) {
    io.of(name).on("connection", (socket) => serve(io, socket, node, started));
  }
  return () => io.close();
}

function serve(io, socket, node, started) {
  const nsp = socket.nsp;
  socket.emit("welcome", { id: socket.id, recovered: socket.recovered });
  socket.on("disconnect", (reason) => nsp.emit("left", socket.id, reason));
  const events = handlers(io, socket, nsp, node, started);
  socket.onAny((event, ...args) => {
    const ack = typeof args.at(-1) === "function" ? args.pop() : undefined;
    if (event in events) events[event](args, ack ?? (() => {}), ack !== undefined);
    else socket.emit("unknown", event, args.length);
  });
}

function handlers(io, socket, nsp, node, started) {
  const count = (n) => (Number.isInteger(n) && n > 0 ? n : 0);
  const text = (bytes) => "x".repeat(count(bytes));
  const isRoom = (room) => typeof room === "string";
  return {
    __proto__: null,
    echo: (args, ack, asked) => (asked ? ack(...args) : socket.emit("echo", ...args)),
    sleep: ([ms, value], ack) => setTimeout(() => ack(value), count(ms)),
    join: ([room], ack) => (socket.join(room), ack()),
    leave: ([room], ack) => (socket.leave(room), ack()),
    rooms: (_, ack) => ack([...socket.rooms].sort()),
    room: ([room, ...args], ack) => isRoom(room) && (nsp.to(room).emit("msg", ...args), ack()),
    others: ([room, ...args], ack) => isRoom(room) && (socket.to(room).emit("msg", ...args), ack()),
    broadcast: (args, ack) => (nsp.emit("msg", ...args), ack()),
    "broadcast-others": (args, ack) => (socket.broadcast.emit("msg", ...args), ack()),
    except: ([room, ...args], ack) => isRoom(room) && (nsp.except(room).emit("msg", ...args), ack()),
    local: (args, ack) => (nsp.local.emit("msg", ...args), ack()),
    volatile: ([n, bytes]) => {
      for (let i = 0; i < count(n); i++) socket.volatile.emit("tick", i, text(bytes));
      socket.emit("ticked", count(n));
    },
    flood: ([n, bytes]) => {
      for (let i = 0; i < count(n); i++) socket.emit("tick", i, text(bytes));
      socket.emit("ticked", count(n));
    },
    "ask-me": ([question]) => socket.emit("question", question, (reply) => socket.emit("answer", reply)),
    "ask-all": ([question, ms], ack) =>
      nsp.timeout(count(ms)).emit("question", question, (error, responses) => {
        ack({ timedOut: error !== null, responses });
      }),
    "fetch-sockets": async ([room], ack) => {
      const sockets = await (isRoom(room) ? nsp.in(room) : nsp).fetchSockets();
      ack(sockets.map(({ id, rooms, data, handshake }) => ({ id, rooms: [...rooms], data, handshake })));
    },
    "set-data": ([data], ack) => ((socket.data = data), ack()),
    "sockets-join": ([room, target], ack) => (nsp.in(room).socketsJoin(target), ack()),
    "sockets-leave": ([room, target], ack) => (nsp.in(room).socketsLeave(target), ack()),
    "disconnect-sockets": ([room, close]) => nsp.in(room).disconnectSockets(close === true),
    "server-side": async (args, ack) => ack(await nsp.serverSideEmitWithAck("hello", ...args)),
    kick: ([close]) => socket.disconnect(close === true),
    handshake: (_, ack) => ack(socket.handshake),
    whoami: (_, ack) =>
      ack({
        id: socket.id,
        nsp: nsp.name,
        transport: socket.conn.transport.name,
        protocol: socket.conn.protocol,
        recovered: socket.recovered,
        node,
      }),
    stats: (_, ack) =>
      ack({
        clients: io.engine.clientsCount,
        namespaces: io._nsps.size,
        rooms: nsp.adapter.rooms.size,
        uptimeMs: Date.now() - started,
      }),
    // The official server has no way to survive an exception of a handler, so it does nothing here.
    panic: () => {},
  };
}
