// The compression of polls, as it is on the wire.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { gunzipSync, inflateSync } from "node:zlib";
import { Polling } from "../lib/http.mjs";
import { start } from "../lib/testbed.mjs";

describe("the compression of polls", () => {
  let bed;
  before(async () => (bed = await start("app")));
  after(() => bed.kill());

  /** The answer to the poll that brings back `message`. */
  async function poll(message, accepts) {
    const session = await Polling.open(bed.port);
    await session.connect();
    await session.send(message);
    const answer = await session.get({ headers: accepts === undefined ? {} : { "accept-encoding": accepts } });
    assert.equal(answer.status, 200);
    assert.match(answer.headers["content-type"], /^text\/plain; charset=utf-8$/i);
    return answer;
  }

  const event = (text) => `42["echo","${text}"]`;
  const large = event("Enchufe ".repeat(500));

  test("a large answer comes in gzip or deflate, as the client likes best", async () => {
    const gzip = await poll(large, "gzip, deflate, br");
    assert.equal(gzip.headers["content-encoding"], "gzip");
    assert.equal(gunzipSync(gzip.bytes).toString(), large);
    assert.ok(gzip.bytes.length < 200);
    const deflate = await poll(large, "gzip;q=0.2, deflate");
    assert.equal(deflate.headers["content-encoding"], "deflate");
    assert.equal(inflateSync(deflate.bytes).toString(), large);
  });

  test("it comes as it is to those who do not ask for it", async () => {
    for (const accepts of [undefined, "identity", "br", "gzip;q=0, deflate;q=0"]) {
      const { headers, body } = await poll(large, accepts);
      assert.deepEqual([headers["content-encoding"], body], [undefined, large], accepts);
    }
  });

  test("a small answer is not worth it", async () => {
    const around = event("").length;
    const small = await poll(event("x".repeat(1023 - around)), "gzip");
    assert.equal(small.headers["content-encoding"], undefined);
    const enough = await poll(event("x".repeat(1024 - around)), "gzip");
    assert.equal(enough.headers["content-encoding"], "gzip");
  });

  test("the largest message there may be comes back whole", async () => {
    const message = event("x".repeat(1_000_000 - event("").length));
    const { bytes } = await poll(message, "gzip");
    assert.equal(gunzipSync(bytes).toString(), message);
  });
});
