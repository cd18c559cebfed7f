// Engine.IO over HTTP: which request gets which answer, row by row as the official server gives it,
// or a better one where its answer is an accident.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Polling, request } from "../lib/http.mjs";
import { better, start } from "../lib/testbed.mjs";
import { RawWebSocket } from "../lib/websocket.mjs";

const SID = "[A-Za-z0-9_-]{20}";

describe("HTTP answers", () => {
  let bed;
  before(async () => {
    const flags = ["--cookie", "io", "--ping-interval", "5000", "--ping-timeout", "2000"];
    bed = await start("app", ...flags, "--max-http-buffer-size", "200");
  });
  after(() => bed.kill());

  const ask = (method, target, options) => request(bed.port, method, target, options);
  const open = () => Polling.open(bed.port);
  const error = async (method, target, status, code, message, options) => {
    const answer = await ask(method, target, options);
    assert.equal(answer.status, status, answer.body);
    assert.match(answer.headers["content-type"], /^application\/json/);
    assert.equal(answer.body, JSON.stringify({ code, message }));
  };

  test("the handshake tells the session's terms, in order, and is not to be stored", async () => {
    const { status, headers, body } = await ask("GET", "/socket.io/?EIO=4&transport=polling");
    assert.equal(status, 200);
    assert.match(headers["content-type"], /^text\/plain; charset=utf-8$/i);
    assert.equal(headers["content-length"], String(Buffer.byteLength(body)));
    assert.equal(headers["cache-control"], "no-store");
    const terms = `"upgrades":\\["websocket"\\],"pingInterval":5000,"pingTimeout":2000,"maxPayload":200`;
    assert.match(body, new RegExp(`^0\\{"sid":"${SID}",${terms}\\}$`));
    const cookie = `^io=${SID}; Path=/; HttpOnly; SameSite=Lax$`;
    assert.match(headers["set-cookie"].join(), new RegExp(cookie));
    assert.ok(headers["set-cookie"][0].includes(JSON.parse(body.slice(1)).sid));
  });

  test("session ids differ", async () => {
    const sessions = await Promise.all(Array.from({ length: 20 }, open));
    assert.equal(new Set(sessions.map(({ sid }) => sid)).size, 20);
  });

  test("the cookie is set by the polling handshake only", async () => {
    const session = await open();
    const { headers } = await session.post("40");
    assert.equal(headers["set-cookie"], undefined);
    const socket = await RawWebSocket.session(bed.port);
    assert.doesNotMatch(socket.head, /set-cookie/i);
    socket.destroy();
  });

  test("a POST is answered ok, a poll with the packets", async () => {
    const session = await open();
    const posted = await session.post("40");
    assert.deepEqual([posted.status, posted.body], [200, "ok"]);
    assert.equal(posted.headers["content-type"], "text/html");
    assert.equal(posted.headers["cache-control"], "no-store");
    const polled = await session.get();
    assert.match(polled.headers["content-type"], /^text\/plain; charset=utf-8$/i);
    assert.equal(polled.headers["cache-control"], "no-store");
    assert.match(polled.body, new RegExp(`^40\\{"sid":"${SID}"\\}`));
    assert.ok(!polled.body.includes(session.sid), "the public id must not be the session's secret");
  });

  test("a POST past the limit is 413, and the session goes on", async () => {
    const session = await open();
    const { status } = await session.post(`4${"x".repeat(200)}`);
    assert.equal(status, 413);
    assert.ok(await session.alive());
  });

  test("a POST past the limit without a Content-Length is 413", async () => {
    const session = await open();
    const { status } = await session.post(`4${"x".repeat(4000)}`, {
      headers: { "transfer-encoding": "chunked" },
    });
    assert.equal(status, 413);
  });

  test("a POST of exactly the limit is accepted", async () => {
    const session = await open();
    await session.connect();
    const event = `42["${"x".repeat(194)}"]`;
    assert.equal(event.length, 200);
    await session.send(event);
    assert.match((await session.receive(1))[0], /^42\["unknown","x+",0\]$/);
  });

  test("a session's methods are GET and POST", async () => {
    for (const method of ["PUT", "DELETE", "PATCH", "OPTIONS"]) {
      const session = await open();
      const { status } = await ask(method, session.target, { body: "40" });
      assert.ok(status >= 400, `${method}: ${status}`);
    }
  });

  test("a handshake's method is GET", async () => {
    const target = "/socket.io/?EIO=4&transport=polling";
    await error("POST", target, 400, 2, "Bad handshake method");
    await error("OPTIONS", target, 400, 2, "Bad handshake method");
    await error("PUT", target, 400, 2, "Bad handshake method");
  });

  test("the protocol version of a session must not change", async () => {
    const session = await open();
    const target = session.target.replace("EIO=4", "EIO=3");
    await error("GET", target, 400, 3, "Bad request");
    assert.ok(await session.alive());
  });

  test("other protocol versions are unsupported", async () => {
    for (const version of ["3", "2", "5", "abc", "", "4.0", "04"]) {
      const target = `/socket.io/?EIO=${version}&transport=polling`;
      await error("GET", target, 400, 5, "Unsupported protocol version");
    }
    await error("GET", "/socket.io/?transport=polling", 400, 5, "Unsupported protocol version");
  });

  test("unknown transports, and names that every object has, are refused", async () => {
    for (const name of ["foo", "", "constructor", "__proto__", "toString", "websocket,polling", "POLLING"]) {
      const target = `/socket.io/?EIO=4&transport=${name}`;
      await error("GET", target, 400, 0, "Transport unknown");
    }
    await error("GET", "/socket.io/?EIO=4", 400, 0, "Transport unknown");
    await error("GET", "/socket.io/", 400, 0, "Transport unknown");
  });

  test("unknown sessions, and names that every object has, are refused", async () => {
    for (const sid of ["zzz", "constructor", "__proto__", "toString", "A".repeat(20), "%00", "%F0%9F%98%80"]) {
      const target = `/socket.io/?EIO=4&transport=polling&sid=${sid}`;
      await error("GET", target, 400, 1, "Session ID unknown");
      await error("POST", target, 400, 1, "Session ID unknown", { body: "40" });
    }
  });

  test("a WebSocket session cannot be opened without an upgrade", async () => {
    await error("GET", "/socket.io/?EIO=4&transport=websocket", 400, 3, "Bad request");
  });

  test("a polling session cannot be used as a WebSocket without an upgrade", async () => {
    const session = await open();
    const target = session.target.replace("polling", "websocket");
    const { status } = await ask("GET", target);
    assert.equal(status, 400);
    assert.ok(await session.alive());
  });

  test("other paths are not Engine.IO's", async () => {
    for (const path of ["/socket.io", "/socket.ioX", "/", "/other/", "/engine.io/"]) {
      const { status, body } = await ask("GET", `${path}?EIO=4&transport=polling`);
      assert.equal(status, 404, path);
      assert.doesNotMatch(body, /"sid"/);
    }
  });

  test("any other name under the path is no client file", async () => {
    for (const name of ["foo.js", "../socket.io/foo.js", "socket.io.js.bak", "%2e%2e/secret"]) {
      const { status, body } = await ask("GET", `/socket.io/${name}`);
      assert.equal(status, 400, name);
      assert.equal(JSON.parse(body).code, 0, name);
    }
  });

  test("bytes in a POST of a protocol 4 session are refused and end it", async () => {
    const session = await open();
    const answer = await session.post("4abc", { headers: { "content-type": "application/octet-stream" } });
    assert.equal(answer.status, 400);
    assert.equal(await session.alive(), false);
  });

  test("no CORS header is sent unless it was asked for", async () => {
    const { status, headers } = await ask("GET", "/socket.io/?EIO=4&transport=polling", {
      headers: { origin: "http://elsewhere.test" },
    });
    assert.equal(status, 200);
    assert.equal(headers["access-control-allow-origin"], undefined);
  });

  better("a query given twice does not confuse the server", async () => {
    const { status, body } = await ask("GET", "/socket.io/?EIO=4&EIO=4&transport=polling&transport=polling");
    assert.ok(status === 200 || status === 400, body);
    assert.ok(await (await open()).alive());
  });

  test("GET /healthz is ok", async () => {
    const { status, body } = await ask("GET", "/healthz");
    assert.deepEqual([status, body], [200, "ok"]);
    assert.ok((await ask("GET", "/metrics")).status >= 400);
  });
});

describe("CORS", () => {
  let bed;
  before(async () => (bed = await start("app", "--cors", "*")));
  after(() => bed.kill());

  test("any origin may read where it was allowed", async () => {
    const headers = { origin: "http://elsewhere.test" };
    const target = "/socket.io/?EIO=4&transport=polling";
    const answer = await request(bed.port, "GET", target, { headers });
    assert.equal(answer.headers["access-control-allow-origin"], "*");
    const refused = await request(bed.port, "GET", `${target}&sid=zzz`, { headers });
    assert.equal(refused.headers["access-control-allow-origin"], "*", "errors too");
  });

  test("a preflight is answered without a body", async () => {
    const headers = {
      origin: "http://elsewhere.test",
      "access-control-request-method": "POST",
      "access-control-request-headers": "content-type",
    };
    const answer = await request(bed.port, "OPTIONS", "/socket.io/?EIO=4&transport=polling", { headers });
    assert.equal(answer.status, 204);
    assert.equal(answer.headers["access-control-allow-origin"], "*");
    assert.match(answer.headers["access-control-allow-methods"], /POST/);
  });

  test("an allowed origin is named, and caches are told", async () => {
    const one = await start("app", "--cors", "http://good.test");
    try {
      const target = "/socket.io/?EIO=4&transport=polling";
      const answer = await request(one.port, "GET", target, { headers: { origin: "http://good.test" } });
      assert.equal(answer.headers["access-control-allow-origin"], "http://good.test");
      assert.match(answer.headers.vary, /origin/i);
      const bad = await request(one.port, "GET", target, { headers: { origin: "http://bad.test" } });
      assert.notEqual(bad.headers["access-control-allow-origin"], "http://bad.test");
      assert.notEqual(bad.headers["access-control-allow-origin"], "*");
    } finally {
      await one.kill();
    }
  });
});
