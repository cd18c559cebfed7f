// The official server speaking the events that the benchmark sends. Its options are the
// defaults, but the client files are not served.
"use strict";

const http = require("node:http");
const { parseArgs } = require("node:util");
const { Server } = require("socket.io");

const { values } = parseArgs({
  options: {
    port: { type: "string", default: "0" },
    parser: { type: "string", default: "json" },
  },
});
const parser = values.parser === "msgpack" ? require("socket.io-msgpack-parser") : undefined;

const server = http.createServer();
const io = new Server(server, { serveClient: false, ...(parser && { parser }) });

for (const namespace of ["/", "/chat", /^\/tenant-\d+$/]) {
  io.of(namespace).on("connection", serve);
}

function serve(socket) {
  socket.emit("welcome", { id: socket.id, recovered: socket.recovered });
  socket.on("echo", (...args) => {
    const ack = args.pop();
    ack(...args);
  });
  socket.on("join", (room, ack) => {
    socket.join(room);
    ack();
  });
  socket.on("room", (room, ...args) => {
    socket.nsp.to(room).emit("msg", ...args);
  });
  socket.on("broadcast", (...args) => {
    const ack = args.pop();
    socket.nsp.emit("msg", ...args);
    ack();
  });
}

server.listen(Number(values.port), "127.0.0.1", 4096, () => {
  console.log(`listening on 127.0.0.1:${server.address().port}`);
});
