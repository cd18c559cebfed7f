import assert from "node:assert/strict";
import { test } from "node:test";
import { CookieJar } from "../../src/cookies.js";

test("cookies_are_kept_replaced_and_sent", () => {
  const jar = new CookieJar();
  assert.deepEqual(jar.header(), {});
  jar.store(["io=a==; Path=/; HttpOnly; SameSite=Lax", 'q="quoted"', "nothing", "=none"]);
  jar.store(["io=b"]);
  assert.deepEqual(jar.header(), { cookie: "io=b; q=quoted" });
  jar.store(undefined);
  assert.deepEqual(jar.header(), { cookie: "io=b; q=quoted" });
});

test("cookies_expire", () => {
  const jar = new CookieJar();
  const now = Date.parse("2026-11-21T00:00:00Z");
  jar.store(
    ["a=1; Max-Age=10", "b=2; Max-Age=0", "c=3; Expires=Sat, 21 Nov 2026 00:00:20 GMT", "d=4; Expires=rubbish", "e=5; max-age=5; expires=Sat, 21 Nov 2020 00:00:00 GMT"],
    now,
  );
  assert.deepEqual(jar.header(now), { cookie: "a=1; c=3; d=4; e=5" });
  assert.deepEqual(jar.header(now + 10_000), { cookie: "c=3; d=4" });
  assert.deepEqual(jar.header(now + 20_000), { cookie: "d=4" });
});
