/** As much of `node:assert/strict` as the suite in `test/server` uses, for browsers and workers. */
const show = (value: unknown): string => {
  try {
    return JSON.stringify(value)?.slice(0, 300) ?? String(value);
  } catch {
    return String(value);
  }
};

function same(a: any, b: any): boolean {
  if (Object.is(a, b)) return true;
  if (!a || !b || typeof a != "object" || typeof b != "object" || Array.isArray(a) != Array.isArray(b)) return false;
  const keys = Object.keys(a);
  return keys.length == Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && same(a[key], b[key]));
}

function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(message);
}

export default Object.assign((value: unknown, message = "not true: " + show(value)) => assert(value, message), {
  ok: (value: unknown, message = "not true: " + show(value)) => assert(value, message),
  fail: (message = "must not happen") => assert(false, message),
  equal: (a: unknown, b: unknown, message = "") => assert(Object.is(a, b), `${message} ${show(a)} is not ${show(b)}`),
  notEqual: (a: unknown, b: unknown, message = "") => assert(!Object.is(a, b), `${message} ${show(a)} twice`),
  deepEqual: (a: unknown, b: unknown, message = "") => assert(same(a, b), `${message} ${show(a)} is not ${show(b)}`),
  match: (text: string, pattern: RegExp, message = "") => assert(pattern.test(text), `${message} ${show(text)} does not match ${pattern}`),
  rejects: async (promise: Promise<unknown>, pattern: RegExp) => {
    const err = await promise.then(() => undefined, (err) => err);
    assert(err && pattern.test(String(err)), `${err} does not match ${pattern}`);
  },
});
