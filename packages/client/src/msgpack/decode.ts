/**
 * msgpack to values, with the extensions of the official parser (see `encode.ts`). Pure.
 *
 * Promises: bytes that break the rules throw; nothing is allocated for a length before its bytes are seen; what is handed out as
 * bytes is a copy, of the kind that came in (Buffer, Uint8Array or ArrayBuffer).
 */

// Levels. The official server's JSON has no limit; this one keeps a hostile peer from the end of the stack.
const MAX_DEPTH = 512;

/** Reads one value, which has to be all there is. */
export function decode(input: ArrayBuffer | Uint8Array): any {
  const bytes = input instanceof Uint8Array ? input : new Uint8Array(input);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  let depth = 0;

  /** Where the next `n` bytes begin. */
  const skip = (n: number): number => {
    const start = at;
    at += n;
    if (at > bytes.length) throw new Error("truncated msgpack");
    return start;
  };
  /** A number of 1, 2 or 4 bytes. */
  const uint = (size: number): number =>
    size < 2 ? bytes[skip(1)] : size < 4 ? view.getUint16(skip(2)) : view.getUint32(skip(4));
  const wide = (high: number): number => high * 2 ** 32 + uint(4);

  const raw = (n: number): any => {
    const start = skip(n);
    // The slice of its own class: a Buffer's own would share the memory.
    return input instanceof Uint8Array
      ? Uint8Array.prototype.slice.call(input, start, at)
      : (input as ArrayBuffer).slice(start, at);
  };
  const text = (n: number): string => utf8(bytes, skip(n), at);
  /** `fixed`: whether the length is part of the byte before; only so they are `undefined` and dates. */
  const ext = (n: number, fixed?: boolean): any => {
    const type = view.getInt8(skip(1));
    if (!type && fixed && n == 1) return void skip(1);
    if (!type && fixed && n == 8) return new Date(wide(view.getInt32(skip(4))));
    const start = skip(n);
    // Node's official parser sends an ArrayBuffer so; of what others mean nobody knows.
    const data = new Uint8Array(bytes.subarray(start, at)).buffer;
    return type ? [type, data] : data;
  };
  const nested = <T>(read: () => T): T => {
    if (++depth > MAX_DEPTH) throw new Error("msgpack is nested too deep");
    const value = read();
    depth--;
    return value;
  };
  const array = (n: number): any[] =>
    nested(() => {
      const list: any[] = [];
      while (n--) list.push(value());
      return list;
    });
  const map = (n: number): any =>
    nested(() => {
      const object: any = {};
      while (n--) {
        const key = value();
        if (typeof key != "string" && typeof key != "number") throw new Error("invalid key");
        // An ordinary member, also where its name is "__proto__".
        if (key == "__proto__") {
          Object.defineProperty(object, key, { value: value(), enumerable: true, configurable: true, writable: true });
        } else object[key] = value();
      }
      return object;
    });

  const value = (): any => {
    const type = uint(1);
    if (type < 0x80) return type;
    if (type < 0x90) return map(type - 0x80);
    if (type < 0xa0) return array(type - 0x90);
    if (type < 0xc0) return text(type - 0xa0);
    if (type > 0xdf) return type - 256;
    if (type == 0xc0) return null;
    if (type == 0xc2 || type == 0xc3) return type == 0xc3;
    if (type == 0xca) return view.getFloat32(skip(4));
    if (type == 0xcb) return view.getFloat64(skip(8));
    if (type == 0xcf) return wide(uint(4));
    if (type == 0xd0) return view.getInt8(skip(1));
    if (type == 0xd1) return view.getInt16(skip(2));
    if (type == 0xd2) return view.getInt32(skip(4));
    if (type == 0xd3) return wide(view.getInt32(skip(4)));
    if (type == 0xc1) throw new Error("invalid msgpack");
    // The rest comes in families: of one, two and four bytes, and those of a fixed size.
    if (type < 0xc7) return raw(uint(2 ** (type - 0xc4)));
    if (type < 0xca) return ext(uint(2 ** (type - 0xc7)));
    if (type < 0xcf) return uint(2 ** (type - 0xcc));
    if (type < 0xd9) return ext(2 ** (type - 0xd4), true);
    if (type < 0xdc) return text(uint(2 ** (type - 0xd9)));
    return (type < 0xde ? array : map)(uint(type & 1 ? 4 : 2));
  };

  const result = value();
  if (at < bytes.length) throw new Error("trailing bytes");
  return result;
}

// Characters; above it the platform is faster.
const SHORT = 24;

function utf8(bytes: Uint8Array, start: number, end: number): string {
  if (end - start < SHORT) {
    let ascii = "";
    let i = start;
    while (i < end && bytes[i] < 128) ascii += String.fromCharCode(bytes[i++]);
    if (i == end) return ascii;
  }
  const part = bytes.subarray(start, end);
  if (typeof TextDecoder != "undefined") return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(part);
  // React Native has no TextDecoder everywhere; this one is as strict.
  return decodeURIComponent(Array.from(part, (byte) => "%" + (byte + 256).toString(16).slice(1)).join(""));
}
