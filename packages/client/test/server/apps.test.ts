/** Applications that were written for "socket.io-client", unchanged: that name stands for the client that is tested. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createElement } from "react";
import { act, create } from "react-test-renderer";
import { Server as OfficialServer } from "socket.io";
import { io } from "socket.io-client";
import { nextTick, watchEffect } from "vue";
import { chat } from "./apps/chat.js";
import { parser } from "./apps/parser.js";
import { App } from "./apps/react.js";
import { connect } from "./apps/vue.js";
import { next, start, type Server } from "./util.js";

let server: Server;
let url: string;
before(async () => {
  server = await start();
  url = server.url;
});
after(() => server.stop());

test("a chat with typed events", async () => {
  const lines: string[] = [];
  const [ann, bob] = ["Ann", "Bob"].map((name) => chat(url, name, (line) => lines.push(`${name} sees ${line}`)));
  await ann.enter("kitchen");
  await bob.enter("kitchen");
  assert.ok((await ann.rooms()).includes("kitchen"));
  await ann.say("kitchen", "hello");
  await bob.say("kitchen", "hi");
  // What comes after the messages on the same connections.
  await ann.rooms();
  await bob.rooms();
  assert.deepEqual(lines.filter((line) => line.startsWith("Ann")), ["Ann sees Ann: hello", "Ann sees Bob: hi"]);
  assert.deepEqual(lines.filter((line) => line.startsWith("Bob")), ["Bob sees Ann: hello", "Bob sees Bob: hi"]);
  for (const { socket } of [ann, bob]) socket.disconnect();
});

test("a parser of one's own, on Node's emitter", async () => {
  const server = new OfficialServer(0, { parser });
  server.on("connection", (socket) => socket.on("add", (a, b, answer) => answer(a + b)));
  const socket = io(`http://127.0.0.1:${(server.httpServer.address() as any).port}`, { parser, forceNew: true });
  assert.equal(await socket.emitWithAck("add", 1, 2), 3);
  socket.disconnect();
  await server.close();
});

test("a React component connects, shows what comes, and leaves", async () => {
  (globalThis as any).IS_REACT_ACT_ENVIRONMENT = true;
  let state: any;
  let app: any;
  await act(async () => {
    app = create(createElement(App, { url, see: (now) => (state = now) }));
  });
  await act(async () => void (await next(state.socket, "welcome")));
  assert.equal(state.connected, true);
  await act(async () => void (await state.socket.emitWithAck("broadcast", "to the list")));
  await act(async () => void (await state.socket.emitWithAck("echo")));
  assert.deepEqual(app.toJSON().children[0].children, ["to the list"]);
  const { socket } = state;
  await act(async () => app.unmount());
  assert.equal(socket.connected, false);
  assert.equal(socket.active, false);
  assert.equal(socket.hasListeners("msg"), false);
});

test("a Vue application sees the state of its socket", async () => {
  const { socket, state } = connect(url);
  const seen: string[] = [];
  watchEffect(() => seen.push(`${state.connected} ${state.messages.join()}`));
  await next(socket, "connect");
  await nextTick();
  await socket.emitWithAck("broadcast", "news");
  await socket.emitWithAck("echo");
  await nextTick();
  socket.disconnect();
  await nextTick();
  assert.equal(seen[0], "false ");
  assert.equal(seen.at(-2), "true news");
  assert.equal(seen.at(-1), "false news");
});
