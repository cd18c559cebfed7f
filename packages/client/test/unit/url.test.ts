import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { decodeQuery, encodeQuery, parseUrl, resolveUrl } from "../../src/url.js";

afterEach(() => {
  delete (globalThis as any).location;
});

const at = (href: string) => ((globalThis as any).location = new URL(href));

test("parse_splits_what_is_there", () => {
  const parts = (text: string) => [...parseUrl(text)];
  assert.deepEqual(parts("https://user:pass@example.com:8443/a/b?x=1&y=2#z"), [
    "https://user:pass@example.com:8443/a/b?x=1&y=2",
    "https",
    "example.com",
    "8443",
    "/a/b",
    "x=1&y=2",
  ]);
  assert.deepEqual(parts("ws://[::1]:3000"), ["ws://[::1]:3000", "ws", "[::1]", "3000", "", ""]);
  assert.equal(parts("example.com")[2], "example.com");
  assert.equal(parts("http://h?x=a@b")[5], "x=a@b");
  assert.equal(parts("")[2], "");
});

test("resolve_uses_the_page", () => {
  at("http://example.com:8080/dir/page");
  const parts = (uri?: string) => {
    const [, protocol, host, port, path] = resolveUrl(uri);
    return [protocol, host, port, path];
  };
  assert.deepEqual(parts(), ["http", "example.com", "8080", "/"]);
  assert.deepEqual(parts("/nsp"), ["http", "example.com", "8080", "/nsp"]);
  assert.deepEqual(parts("//other.com/nsp"), ["http", "other.com", "80", "/nsp"]);
  assert.deepEqual(parts("other.com"), ["http", "other.com", "80", "/"]);
  assert.deepEqual(parts("other.com:81"), ["http", "other.com", "81", "/"]);
  assert.deepEqual(parts("https://other.com/x"), ["https", "other.com", "443", "/x"]);
  assert.deepEqual(parts(""), ["http", "example.com", "8080", "/"]);
  assert.deepEqual(parts("?a=1"), ["http", "example.com", "8080", "/"]);
  assert.deepEqual(parts("#a"), ["http", "example.com", "8080", "/"]);
  assert.equal(resolveUrl("?a=1")[5], "a=1");
});

test("resolve_without_a_page", () => {
  assert.equal(resolveUrl("example.com")[1], "https");
  assert.equal(resolveUrl("wss://example.com")[3], "443");
  assert.equal(resolveUrl("ws://example.com")[3], "80");
  assert.equal(resolveUrl()[2], "localhost");
});

test("query_round_trip", () => {
  const query = { "&a": "&=?a", b: "c d+e", "ü": "漢" };
  assert.deepEqual(decodeQuery(encodeQuery(query)), query);
  assert.deepEqual(decodeQuery("a=b=c&d"), { a: "b=c", d: "" });
});
