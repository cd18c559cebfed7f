// Engine.IO 3 and JSONP on the wire, against profile `engine`, which echoes: payloads in all their forms, escapes,
// heartbeats, and what must not be taken for any of it.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { request } from "../lib/http.mjs";
import { better, start } from "../lib/testbed.mjs";
import { until } from "../lib/util.mjs";
import { RawWebSocket } from "../lib/websocket.mjs";

let bed;
before(async () => (bed = await start("engine")));
after(() => bed.kill());

/** A session over polling: what its query adds is in each request. */
class Session {
  static async open(query) {
    const session = new Session();
    session.query = `transport=polling&${query}`;
    const { status, body } = await session.get();
    assert.equal(status, 200, body);
    const text = query.includes("j=") ? session.handed(body) : body;
    session.query += `&sid=${JSON.parse(text.slice(text.indexOf("{"))).sid}`;
    return session;
  }

  get(headers = {}) {
    return request(bed.port, "GET", `/engine.io/?${this.query}`, { headers });
  }

  post(body, type = "text/plain;charset=UTF-8") {
    const headers = { "content-type": type };
    return request(bed.port, "POST", `/engine.io/?${this.query}`, { headers, body });
  }

  /** What a script hands to its callback. */
  handed(body) {
    const match = /^___eio\[(\d*)\]\((".*")\);$/s.exec(body);
    assert.ok(match, body);
    this.callback = match[1];
    return JSON.parse(match[2]);
  }

  /** Sends a payload as the official client does: in a form, its line ends hidden. */
  submit(payload) {
    const hidden = payload.replaceAll("\\n", "\\\n").replaceAll("\n", "\\n");
    return this.post(new URLSearchParams({ d: hidden }).toString(), "application/x-www-form-urlencoded");
  }
}

const ENVELOPE = {
  3: (...packets) => packets.map((packet) => `${packet.length}:${packet}`).join(""),
  4: (...packets) => packets.join("\x1e"),
};

const TEXTS = [
  "hello",
  "",
  "é€😀",
  "a:b 6:4x",
  "line\nline, \\n, \\\\n, \\",
  'quotes " and </script>',
  "\u2028\u2029",
  "+%20&d=&amp;",
  "x".repeat(50_000),
];

describe("payloads of Engine.IO 3", () => {
  test("texts, counted in UTF-16", async () => {
    const session = await Session.open("EIO=3&b64=1");
    for (const text of TEXTS) {
      assert.equal((await session.post(ENVELOPE[3](`4${text}`))).body, "ok");
      const { body, headers } = await session.get();
      assert.equal(body, ENVELOPE[3](`4${text}`));
      assert.match(headers["content-type"], /^text\/plain; charset=utf-8$/i);
      assert.equal(headers["cache-control"], "no-store");
    }
  });

  test("bytes, in binary payloads both ways", async () => {
    const session = await Session.open("EIO=3");
    const text = Buffer.from("4é😀");
    const payload = Buffer.concat([
      Buffer.from([0, text.length, 255]),
      text,
      Buffer.from([1, 4, 255, 4, 0, 255, 7]),
      Buffer.from([1, 1, 255, 4]),
    ]);
    assert.equal((await session.post(payload, "application/octet-stream")).body, "ok");
    const { bytes, headers } = await session.get();
    assert.equal(headers["content-type"], "application/octet-stream");
    assert.deepEqual([...bytes], [...payload]);
  });

  test("bytes, in base64 for those who ask for it", async () => {
    const session = await Session.open("EIO=3&b64=1");
    assert.equal((await session.post("6:4hello10:b4AQIDBA==")).body, "ok");
    assert.equal((await session.get()).body, "6:4hello10:b4AQIDBA==");
  });

  for (const payload of ["abc", "5:4abc", "3:4abc", "-1:4", "1:9", "99999999999999999999:4a", `${"1".repeat(400)}:4a`]) {
    test(`not one: ${payload.slice(0, 24)}`, async () => {
      const session = await Session.open("EIO=3");
      const { status } = await session.post(payload).catch(() => ({ status: 400 }));
      assert.ok([200, 400].includes(status));
      await until(async () => (await session.get()).status === 400, 2000, "the session's end");
    });
  }

  better("not binary ones", async () => {
    for (const payload of [[0], [0, 6], [0, 6, 255, 52], [1, 1, 255, 2], [9, 1, 255, 52], Array(400).fill(1)]) {
      const session = await Session.open("EIO=3");
      const { status } = await session.post(Buffer.from(payload), "application/octet-stream");
      assert.equal(status, 400, payload.join());
      assert.equal((await session.get()).status, 400);
    }
  });
});

describe("WebSockets of Engine.IO 3", () => {
  test("the client pings, the server answers", async () => {
    const socket = await RawWebSocket.open(bed.port, "/engine.io/?EIO=3&transport=websocket");
    assert.match(await socket.text(), /^0\{/);
    for (let i = 0; i < 3; i++) {
      socket.send("2");
      assert.equal(await socket.text(), "3");
    }
    socket.destroy();
  });

  test("a session must keep its revision", async () => {
    const session = await Session.open("EIO=3");
    const target = `/engine.io/?${session.query.replace("EIO=3", "EIO=4")}`;
    const { status, body } = await request(bed.port, "GET", target);
    assert.deepEqual([status, body], [400, '{"code":3,"message":"Bad request"}']);
  });
});

for (const revision of [3, 4]) {
  const envelope = ENVELOPE[revision];
  describe(`JSONP in revision ${revision}`, () => {
    test("texts of all kinds come back as they went", async () => {
      const session = await Session.open(`EIO=${revision}&j=7`);
      assert.equal(session.callback, "7");
      for (const text of TEXTS) {
        const payload = envelope(`4${text}`);
        const posted = await session.submit(payload);
        assert.deepEqual([posted.status, posted.body], [200, "ok"]);
        assert.equal(posted.headers["content-type"], "text/html");
        const { body, headers } = await session.get();
        assert.match(headers["content-type"], /^text\/plain; charset=utf-8$/i);
        assert.equal(session.handed(body), payload);
        assert.doesNotMatch(body, /[\u2028\u2029\n]/);
      }
    });

    test("several packets in one payload", async () => {
      const session = await Session.open(`EIO=${revision}&j=0&b64=1`);
      await session.submit(envelope("4a", "4b", revision === 3 ? "b4AQI=" : "bAQI="));
      const { body } = await session.get();
      assert.equal(session.handed(body), envelope("4a", "4b", revision === 3 ? "b4AQI=" : "bAQI="));
    });

    test("nothing but the callback's digits comes back", async () => {
      for (const [j, digits] of [["1);alert(2", "12"], ["<img>", ""], ["", ""], ["-3.5", "35"]]) {
        const query = `EIO=${revision}&transport=polling&j=${encodeURIComponent(j)}`;
        const { status, body } = await request(bed.port, "GET", `/engine.io/?${query}`);
        assert.equal(status, 200);
        assert.ok(body.startsWith(`___eio[${digits}]("`), body);
      }
    });

    better("nothing in it looks like HTML", async () => {
      const session = await Session.open(`EIO=${revision}&j=0`);
      await session.submit(envelope("4<script>alert(1)</script>"));
      assert.doesNotMatch((await session.get()).body, /</);
    });
  });
}

test("an Internet Explorer is told that payloads are no attacks", async () => {
  const session = await Session.open("EIO=4");
  await session.post("4a");
  const { headers } = await session.get({ "user-agent": "Mozilla/5.0 (Windows NT 6.1; Trident/7.0; rv:11.0)" });
  assert.equal(headers["x-xss-protection"], "0");
  await session.post("4a");
  assert.equal((await session.get()).headers["x-xss-protection"], undefined);
});
