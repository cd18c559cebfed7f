// Socket.IO packets: what each text does to a connection, over both transports.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Polling } from "../lib/http.mjs";
import { better, start } from "../lib/testbed.mjs";
import { frame, OP, RawWebSocket } from "../lib/websocket.mjs";

// What is sent on a connection that is in `/` and `/chat`, and what comes back.
const ANSWERED = [
  ["an event", '2["echo",1]', ['2["echo",1]']],
  ["an event with an ack id", '212["echo",1,"a"]', ['312[1,"a"]']],
  ["an ack id of 0", '20["echo"]', ["30[]"]],
  ["a large ack id", '29007199254740991["echo"]', ["39007199254740991[]"]],
  ["an event of another namespace", '2/chat,12["echo",1]', ["3/chat,12[1]"]],
  ["an event that the main namespace names", '2/,5["echo",1]', ["35[1]"]],
  ["blanks behind the payload", '21["echo"] ', ["31[]"]],
  ["blanks inside the payload", '21[ "echo" , { "a" : [ 1 , 2 ] } ]', ['31[{"a":[1,2]}]']],
  ["the event name message", '2["message"]', ['2["unknown","message",0]']],
  ["an event name that is empty", '2[""]', ['2["unknown","",0]']],
  ["names that every object has", '2["__proto__"]', ['2["unknown","__proto__",0]']],
  ["another such name", '2["constructor"]', ['2["unknown","constructor",0]']],
  ["an escaped event name", '21["\\u0065cho",1]', ["31[1]"]],
  ["an unknown event", '2["other",1,2,3]', ['2["unknown","other",3]']],
  ["an unknown event that asks for an ack", '29["other",1]', ['2["unknown","other",1]']],
  ["escapes and every plane", '21["echo","\\"\\\\\\n\\u00e9 é 😀"]', ['31["\\"\\\\\\né é 😀"]']],
  ["every kind of value", '21["echo",null,true,false,-0.5,"",[],{}]', ['31[null,true,false,-0.5,"",[],{}]']],
  ["an ack that nobody waits for", '31["x"]\x1e21["echo"]', ["31[]"]],
  ["an ack without arguments", '31[]\x1e21["echo"]', ["31[]"]],
  ["an ack without a payload", '31\x1e21["echo"]', ["31[]"]],
  ["leaving a namespace", '1/chat,\x1e21["echo"]', ["31[]"]],
  ["leaving without a comma", '1/chat\x1e21["echo"]', ["31[]"]],
  ["a namespace that does not exist", "0/admin", ['4/admin,{"message":"Invalid namespace"}']],
  ["the same with a payload", '0/admin,{"a":1}', ['4/admin,{"message":"Invalid namespace"}']],
  ["a namespace with a query", '0/admin?x=1,{"a":1}', [/^4\/admin(\?x=1)?,\{"message":"Invalid namespace"\}$/]],
  ["a dynamic namespace", "0/tenant-7,", [/^0\/tenant-7,\{"sid":"/, /^2\/tenant-7,\["welcome"/]],
  ["a name that is almost dynamic", "0/tenant-7x,", ['4/tenant-7x,{"message":"Invalid namespace"}']],
  ["a refusal with data", "0/protected,", ['4/protected,{"message":"unauthorized","data":{"code":401}}']],
  [
    "a wrong token",
    '0/protected,{"token":"wrong"}',
    ['4/protected,{"message":"unauthorized","data":{"code":401}}'],
  ],
  ["a placeholder in an event without bytes", '21["echo",{"_placeholder":true,"num":0}]', [
    '31[{"_placeholder":true,"num":0}]',
  ]],
];

// Texts that end the connection. Those in the second table are answered in some way or end it: the
// official server takes them, a stricter one need not.
const FATAL = [
  ["DISCONNECT with an object", "1{}"],
  ["DISCONNECT with a string", '1""'],
  ["DISCONNECT of a namespace that was not joined", "1/tenant-1"],
  ["CONNECT with an array", "0/tenant-1,[]"],
  ["CONNECT with null", "0/tenant-1,null"],
  ["CONNECT with a string", '0/tenant-1,"x"'],
  ["CONNECT to a namespace that is joined", "0"],
  ["the same for another", "0/chat,"],
  ["CONNECT_ERROR, which is the server's", '4"x"'],
  ["CONNECT_ERROR with an object", "4{}"],
  ["CONNECT_ERROR with an array", "4[]"],
  ["an event of a namespace that was not joined", '2/tenant-1,["echo"]'],
  ["an event of a namespace that does not exist", '2/nowhere,["echo"]'],
  ["an event without a name", "2[]"],
  ["an event whose name is null", "2[null]"],
  ["an event whose name is an object", '2[{"toString":"x"}]'],
  ["an event whose name is an array", '2[["echo"]]'],
  ["an event whose name is a boolean", "2[true]"],
  ["an event that is an object", "2{}"],
  ["an event that is a string", '2"echo"'],
  ["a reserved name: connect", '2["connect"]'],
  ["a reserved name: connect_error", '2["connect_error"]'],
  ["a reserved name: disconnect", '2["disconnect"]'],
  ["a reserved name: disconnecting", '2["disconnecting"]'],
  ["a reserved name: newListener", '2["newListener"]'],
  ["a reserved name: removeListener", '2["removeListener"]'],
  ["an ack that is an object", "31{}"],
  ["an unknown type", "7"],
  ["a type that is a letter", "a"],
  ["a type that is a sign", "-1"],
  ["trailing garbage", '2["a"]x'],
  ["a second value", '2["a"]["b"]'],
  ["JSON that is cut off", '2["a"'],
  ["JSON with a trailing comma", '2["a",]'],
  ["JSON with a bare word", '2["a",undefined]'],
  ["JSON with single quotes", "2['a']"],
  ["JSON with a comment", '2["a"/**/]'],
  ["JSON with NaN", '2["a",NaN]'],
  ["a number with a leading zero", '2["a",01]'],
  ["a number with a plus", '2["a",+1]'],
  ["a number that ends in a point", '2["a",1.]'],
  ["a string with a raw line break", '2["a","\n"]'],
  ["a bad escape", '2["a","\\x41"]'],
  ["a short escape", '2["a","\\u12"]'],
  ["no bytes where bytes are announced as 0", '50-["a"]'],
  ["too many attachments", '511-["a"]'],
  ["very many attachments", '599999999999999999999-["a"]'],
  ["no number of attachments", '5-["a"]'],
  ["a number without its dash", '51["a"]'],
  ["a number with a point", '51.5-["a"]'],
  ["a negative number", '5-1-["a"]'],
  ["a binary event with a reserved name", '51-["disconnect",{"_placeholder":true,"num":0}]'],
  ["a text where an attachment should be", '51-["a",{"_placeholder":true,"num":0}]\x1e42["echo"]'],
];
const EITHER = [
  ["an event without a payload", "2"],
  ["the same with a namespace", "2/chat"],
  ["an event whose name is a number", "2[1]"],
  ["an ack without an id", "3[]"],
  ["CONNECT with what looks like an ack id", "0/tenant-1,1"],
  ["a blank before the payload", '2 ["echo"]'],
  ["an ack id past every integer", '2123456789012345678901234567890["echo"]'],
  ["an empty packet", ""],
  ["a deep array", `2["echo",${"[".repeat(60)}${"]".repeat(60)}]`],
];

describe("packets", () => {
  let bed;
  let witness;
  before(async () => {
    bed = await start("app");
    witness = await RawWebSocket.session(bed.port);
    await witness.connect();
  });
  after(async () => {
    // Whatever the others sent, this connection must not have noticed.
    try {
      witness.send('4299["echo","undisturbed"]');
      assert.equal(await witness.text(), '4399["undisturbed"]');
    } finally {
      await bed.kill();
    }
  });

  const websocket = async () => {
    const socket = await RawWebSocket.session(bed.port);
    await socket.connect();
    socket.send("40/chat,");
    await socket.text();
    await socket.text();
    return socket;
  };
  const polling = async () => {
    const session = await Polling.open(bed.port);
    await session.connect();
    await session.send("40/chat,");
    await session.receive(2);
    return session;
  };
  const split = (text) => text.split("\x1e").map((packet) => `4${packet.replace(/^4(?=2\[)/, "")}`);
  /** A packet as its prefix and the value behind it: how a value is written is its sender's choice. */
  const parsed = (packet) => {
    const [, prefix, json] = /^(\d+-?(?:\/[^,]*,)?\d*)(.*)$/s.exec(packet);
    return [prefix, json && JSON.parse(json)];
  };
  const check = (got, wanted) =>
    typeof wanted === "string"
      ? assert.deepEqual(parsed(got), parsed(`4${wanted}`))
      : assert.match(got.slice(1), wanted);

  for (const [what, text, replies] of ANSWERED) {
    test(`${what}: ${text.slice(0, 40)}`, async () => {
      const socket = await websocket();
      socket.send(...split(text));
      for (const reply of replies) check(await socket.text(), reply);
      socket.destroy();
      const session = await polling();
      await session.send(...split(text));
      const received = await session.receive(replies.length);
      replies.forEach((reply, i) => check(received[i], reply));
    });
  }

  for (const [what, text] of FATAL) {
    test(`${what} ends the connection: ${text.slice(0, 40)}`, async () => {
      const socket = await websocket();
      socket.send(...split(text));
      await socket.closing(2000);
      const session = await polling();
      await session.post(split(text).join("\x1e")).catch(() => undefined);
      await session.ended();
    });
  }

  for (const [what, text] of EITHER) {
    test(`${what} is taken or ends the connection: ${text.slice(0, 40)}`, async () => {
      const socket = await websocket();
      socket.send(`4${text}`, '427["echo","after"]');
      for (;;) {
        const { opcode, payload } = await socket.frame().catch(() => ({ opcode: OP.close }));
        if (opcode === OP.close || payload.toString() === '437["after"]') break;
      }
      socket.destroy();
    });
  }

  test("an ack id that no double can hold comes back exactly, or ends the connection", async () => {
    const socket = await websocket();
    socket.send('4212345678901234567890["echo"]');
    const { opcode, payload } = await socket.frame();
    // The official server rounds it.
    if (opcode !== OP.close) assert.match(payload.toString(), /^4312345678901234567(890|000)\[\]$/);
    socket.destroy();
  });

  test("numbers come back as they were written", async () => {
    const socket = await websocket();
    const numbers = "12345678901234567890,0.1,1e21,-0,1E400,9007199254740993";
    socket.send(`421["echo",${numbers}]`);
    const reply = await socket.text();
    const sent = numbers.split(",").map(Number);
    const got = reply.slice(4, -1).split(",").map(Number);
    assert.deepEqual(got.slice(0, 3), sent.slice(0, 3), reply);
    socket.destroy();
  });

  better("a namespace may be left and joined again in one batch", async () => {
    const socket = await websocket();
    socket.send("41/chat,", "40/chat,", '42/chat,1["echo"]');
    assert.match(await socket.text(), /^40\/chat,\{"sid":"/);
    assert.match(await socket.text(), /^42\/chat,\["welcome"/);
    assert.equal(await socket.text(), "43/chat,1[]");
    socket.destroy();
  });

  test("bytes: an attachment travels behind its event, both ways", async () => {
    const socket = await websocket();
    socket.send('451-["echo",{"_placeholder":true,"num":0}]');
    socket.write(frame(OP.binary, [1, 2, 3]));
    assert.equal(await socket.text(), '451-["echo",{"_placeholder":true,"num":0}]');
    assert.deepEqual([...(await socket.frame()).payload], [1, 2, 3]);
    socket.send('452-7["echo",{"_placeholder":true,"num":1},{"a":{"_placeholder":true,"num":0}}]');
    socket.write(frame(OP.binary, [1]));
    socket.write(frame(OP.binary, [2]));
    // The attachments may be numbered anew or keep their numbers.
    const [prefix, [first, { a: second }]] = parsed(await socket.text());
    assert.equal(prefix, "462-7");
    const attachments = [(await socket.frame()).payload, (await socket.frame()).payload];
    assert.deepEqual([...attachments[first.num]], [2]);
    assert.deepEqual([...attachments[second.num]], [1]);
    socket.destroy();
  });

  test("bytes over polling travel as base64", async () => {
    const session = await polling();
    await session.send('451-["echo",{"_placeholder":true,"num":0}]', "bAQID");
    assert.deepEqual(await session.receive(2), ['451-["echo",{"_placeholder":true,"num":0}]', "bAQID"]);
  });

  test("an attachment may come in a later POST", async () => {
    const session = await polling();
    await session.send('451-3["echo",{"_placeholder":true,"num":0}]');
    await session.send("bAQID");
    assert.deepEqual(await session.receive(2), ['461-3[{"_placeholder":true,"num":0}]', "bAQID"]);
  });

  test("an empty attachment is one", async () => {
    const socket = await websocket();
    socket.send('451-3["echo",{"_placeholder":true,"num":0}]');
    socket.write(frame(OP.binary, []));
    assert.equal(await socket.text(), '461-3[{"_placeholder":true,"num":0}]');
    assert.equal((await socket.frame()).payload.length, 0);
    socket.destroy();
  });

  test("ten attachments are the most", async () => {
    const socket = await websocket();
    const places = Array.from({ length: 10 }, (_, num) => `{"_placeholder":true,"num":${num}}`);
    socket.send(`4510-3["echo",${places.join()}]`);
    for (let i = 0; i < 10; i++) socket.write(frame(OP.binary, [i]));
    assert.equal(await socket.text(), `4610-3[${places.join()}]`);
    for (let i = 0; i < 10; i++) assert.deepEqual([...(await socket.frame()).payload], [i]);
    socket.destroy();
  });

  test("one attachment may stand in two places", async () => {
    const socket = await websocket();
    const place = '{"_placeholder":true,"num":0}';
    socket.send(`451-3["echo",${place},${place}]`);
    socket.write(frame(OP.binary, [9]));
    const reply = await socket.text();
    const attachments = Number(/^46(\d)-3/.exec(reply)?.[1]);
    assert.ok(attachments === 1 || attachments === 2, reply);
    for (let i = 0; i < attachments; i++) assert.deepEqual([...(await socket.frame()).payload], [9]);
    socket.destroy();
  });

  for (const [what, place] of [
    ["past the last", '{"_placeholder":true,"num":5}'],
    ["negative", '{"_placeholder":true,"num":-1}'],
    ["with a point", '{"_placeholder":true,"num":0.5}'],
    ["that is a name", '{"_placeholder":true,"num":"splice"}'],
    ["that is missing", '{"_placeholder":true}'],
  ]) {
    test(`a placeholder ${what} ends the connection`, async () => {
      const socket = await websocket();
      socket.send(`451-3["echo",${place}]`);
      socket.write(frame(OP.binary, [1]));
      if (what === "with a point") {
        // The official server takes it for the undefined that it finds there.
        const { opcode } = await socket.frame();
        assert.ok([OP.close, OP.text].includes(opcode));
        return socket.destroy();
      }
      await socket.closing(2000);
    });
  }

  test("bytes that nothing announced end the connection", async () => {
    const socket = await websocket();
    socket.write(frame(OP.binary, [1, 2, 3]));
    await socket.closing(2000);
    const session = await polling();
    await session.post("bAQID").catch(() => undefined);
    await session.ended();
  });
});
