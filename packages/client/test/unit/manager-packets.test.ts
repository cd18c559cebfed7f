/** What a manager does with packets: it hands them to the sockets of their namespaces, and reads and writes them with any parser. */
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { FakeTransport, connected, fakeManager, faked, fixed, settle } from "./fake.js";

faked();

test("packets_are_handed_out_after_reading", async () => {
  const { manager, transport } = await connected();
  const packets: any[] = [];
  manager.on("packet", (packet) => packets.push(packet.data));
  transport.receive('42["a"]', '42["b"]');
  assert.deepEqual(packets, []);
  await settle();
  assert.deepEqual(packets, [["a"], ["b"]]);
  manager._close();
});

test("ping_is_an_event_of_the_manager", async () => {
  const { manager, transport } = await connected();
  let pings = 0;
  manager.on("ping", () => pings++);
  transport.receive("2");
  assert.equal(pings, 1);
  manager._close();
});

test("a_namespace_has_one_socket_which_is_opened_again", async () => {
  const { manager, socket, transport } = await connected();
  assert.equal(manager.socket("/"), socket);
  assert.deepEqual(transport.sent, []);
  const other = manager.socket("/other");
  assert.deepEqual(transport.sent, ["40/other,"]);
  socket.disconnect();
  assert.equal(socket.active, false);
  manager.socket("/");
  assert.equal(socket.active, true);
  await settle();
  assert.deepEqual(transport.sent, ["40/other,", "41", "40"]);
  other.disconnect();
  manager._close();
});

test("the_connection_closes_with_the_last_socket", async () => {
  const { manager, socket, transport } = await connected(fixed);
  const other = manager.socket("/other");
  socket.disconnect();
  assert.equal(transport.closed, 0);
  other.disconnect();
  await settle();
  assert.equal(transport.closed, 1);
  assert.deepEqual(transport.sent, ["40/other,", "41"], "a socket that never connected says nothing");
  mock.timers.tick(10_000);
  assert.equal(FakeTransport.all.length, 1);
});

test("an_attachment_follows_its_header_in_one_batch", async () => {
  const { manager, socket, transport } = await connected();
  manager.engine.on("packetCreate", (packet) => {
    if (packet.data[0] == "5") socket.emit("from a listener");
  });
  const bytes = Uint8Array.of(1);
  socket.emit("b", bytes, bytes);
  await settle();
  assert.deepEqual(transport.batches, [
    ['452-["b",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]', bytes, bytes, '42["from a listener"]'],
  ]);
  manager._close();
});

test("another_parser", async () => {
  const { Emitter } = await import("../../src/emitter.js");
  class Encoder {
    encode(packet: any) {
      return ["<" + JSON.stringify({ type: packet.type, nsp: packet.nsp, data: packet.data })];
    }
  }
  class Decoder extends Emitter<any, any> {
    add(text: string) {
      this.emit("decoded", JSON.parse(text.slice(1)));
    }
    destroy() {}
  }
  FakeTransport.reset();
  const manager = fakeManager({ parser: { Encoder, Decoder } });
  const socket = manager.socket("/");
  FakeTransport.last.handshake();
  assert.deepEqual(FakeTransport.last.sent, ['4<{"type":0,"nsp":"/"}']);
  FakeTransport.last.receive('4<{"type":0,"nsp":"/","data":{"sid":"x"}}');
  await settle();
  assert.equal(socket.id, "x");
  manager._close();
});

test("a_parser_that_takes_its_time_and_lets_go_of_its_listeners", async () => {
  const { Emitter } = await import("../../src/emitter.js");
  const { Encoder } = await import("../../src/parser.js");
  const reading: (() => void)[] = [];
  class Decoder extends Emitter<any, any> {
    add(text: string) {
      reading.push(() => this.emit("decoded", JSON.parse(text)));
    }
    destroy() {
      this.off();
    }
  }
  const manager = fakeManager({ ...fixed, parser: { Encoder, Decoder } });
  const packets: any[] = [];
  manager.on("packet" as any, (packet: any) => packets.push(packet));
  FakeTransport.last.handshake();
  FakeTransport.last.receive("41");
  FakeTransport.last.lose();
  reading.pop()!();
  await settle();
  assert.deepEqual(packets, [], "of a connection that is over");
  mock.timers.tick(100);
  FakeTransport.last.handshake();
  FakeTransport.last.receive("42");
  reading.pop()!();
  await settle();
  assert.deepEqual(packets, [2]);
  manager._close();
});
