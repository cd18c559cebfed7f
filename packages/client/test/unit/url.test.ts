import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { decodeQuery, encodeQuery, parseUrl, resolveUrl } from "../../src/url.js";

afterEach(() => {
  delete (globalThis as any).location;
});

const at = (href: string) => ((globalThis as any).location = new URL(href));

test("parse_splits_what_is_there", () => {
  assert.deepEqual(parseUrl("https://user:pass@example.com:8443/a/b?x=1&y=2#z"), {
    source: "https://user:pass@example.com:8443/a/b?x=1&y=2#z",
    protocol: "https",
    host: "example.com",
    port: "8443",
    path: "/a/b",
    query: "x=1&y=2",
  });
  assert.deepEqual(parseUrl("ws://[::1]:3000"), { source: "ws://[::1]:3000", protocol: "ws", host: "[::1]", port: "3000", path: "", query: "" });
  assert.equal(parseUrl("example.com").host, "example.com");
  assert.equal(parseUrl("http://h?x=a@b").query, "x=a@b");
  assert.equal(parseUrl("").host, "");
});

test("resolve_uses_the_page", () => {
  at("http://example.com:8080/dir/page");
  const parts = (uri?: string) => {
    const { protocol, host, port, path } = resolveUrl(uri);
    return [protocol, host, port, path];
  };
  assert.deepEqual(parts(), ["http", "example.com", "8080", "/"]);
  assert.deepEqual(parts("/nsp"), ["http", "example.com", "8080", "/nsp"]);
  assert.deepEqual(parts("//other.com/nsp"), ["http", "other.com", "80", "/nsp"]);
  assert.deepEqual(parts("other.com"), ["http", "other.com", "80", "/"]);
  assert.deepEqual(parts("other.com:81"), ["http", "other.com", "81", "/"]);
  assert.deepEqual(parts("https://other.com/x"), ["https", "other.com", "443", "/x"]);
});

test("resolve_without_a_page", () => {
  assert.equal(resolveUrl("example.com").protocol, "https");
  assert.equal(resolveUrl("wss://example.com").port, "443");
  assert.equal(resolveUrl("ws://example.com").port, "80");
  assert.equal(resolveUrl().host, "localhost");
});

test("query_round_trip", () => {
  const query = { "&a": "&=?a", b: "c d+e", "ü": "漢" };
  assert.deepEqual(decodeQuery(encodeQuery(query)), query);
  assert.deepEqual(decodeQuery("a=b=c&d"), { a: "b=c", d: "" });
});
