/**
 * Values to msgpack, with the extensions of the official parser: `undefined` is ext 0 of one byte, a `Date` is ext 0 of eight
 * bytes (milliseconds). Pure.
 *
 * Promises: the same bytes as the official parser in a browser, but for typed arrays, which travel as bytes and not as objects
 * with a key for each byte; a value that cannot be encoded throws.
 */
import { bytesOf, isBinary, isBlob } from "../binary.js";

/** What is being written. It grows by doubling; one is enough, because nothing is written while something is written. */
let bytes = new Uint8Array(1024);
let view = new DataView(bytes.buffer);
let length = 0;

// Bytes; a buffer that a large packet has blown up beyond this is not kept.
const KEEP = 65536;

/** Makes room, and says where it begins. */
function reserve(n: number): number {
  const start = length;
  length += n;
  if (length > bytes.length) {
    const grown = new Uint8Array(Math.max(length, bytes.length * 2));
    grown.set(bytes);
    bytes = grown;
    view = new DataView(bytes.buffer);
  }
  return start;
}

/** A byte, and a number of 1, 2 or 4 bytes. */
function head(type: number, size: 1 | 2 | 4, n: number): void {
  const at = reserve(1 + size);
  bytes[at] = type;
  if (size == 1) bytes[at + 1] = n;
  else if (size == 2) view.setUint16(at + 1, n);
  else view.setUint32(at + 1, n);
}

function byte(n: number): void {
  // First the room, here and below: it may replace `bytes`.
  const at = reserve(1);
  bytes[at] = n;
}

/**
 * A length: as part of the byte `type` where it is below `short`, else as 1, 2 or 4 bytes, announced by `long` and the two after
 * it; some kinds have no form with 1.
 */
function size(n: number, type: number, short: number, long: number, bytesOfOne = true): void {
  if (n < short) byte(type + n);
  else if (n < 256 && bytesOfOne) head(long, 1, n);
  else if (n < 65536) head(long + 1, 2, n);
  else if (n < 2 ** 32) head(long + 2, 4, n);
  else throw new Error("too large for msgpack");
}

function append(data: Uint8Array): void {
  const at = reserve(data.length);
  bytes.set(data, at);
}

/** Eight bytes: `high` and `low` halves of a number of milliseconds or a whole number. */
function wide(n: number): void {
  const at = reserve(8);
  view.setUint32(at, Math.floor(n / 2 ** 32));
  view.setUint32(at + 4, n);
}

function number(n: number): void {
  if (!Number.isInteger(n)) {
    const at = reserve(9);
    bytes[at] = 0xcb;
    view.setFloat64(at + 1, n);
  } else if (n >= 0) {
    if (n < 2 ** 32) n < 128 ? byte(n) : n < 256 ? head(0xcc, 1, n) : n < 65536 ? head(0xcd, 2, n) : head(0xce, 4, n);
    else {
      byte(0xcf);
      wide(n);
    }
  } else if (n >= -(2 ** 31)) {
    n >= -32 ? byte(n) : n >= -128 ? head(0xd0, 1, n) : n >= -32768 ? head(0xd1, 2, n) : head(0xd2, 4, n);
  } else {
    byte(0xd3);
    wide(n);
  }
}

function write(value: any): void {
  const type = typeof value;
  if (type == "string") {
    const text = new TextEncoder().encode(value);
    size(text.length, 0xa0, 32, 0xd9);
    append(text);
  } else if (type == "number") number(value);
  else if (type == "boolean") byte(value ? 0xc3 : 0xc2);
  else if (type == "undefined") {
    byte(0xd4);
    head(0, 1, 0);
  } else if (value === null) byte(0xc0);
  else if (Array.isArray(value)) {
    size(value.length, 0x90, 16, 0xdb, false);
    for (const item of value) write(item);
  } else if (value instanceof Date) {
    head(0xd7, 1, 0);
    wide(value.getTime());
  } else if (isBinary(value)) {
    if (isBlob(value)) throw new Error("msgpack cannot carry a Blob: read it first");
    const data = bytesOf(value);
    size(data.length, 0, 0, 0xc4);
    append(data);
  } else if (type != "object") throw new Error("msgpack cannot carry a " + type);
  else if (typeof value.toJSON == "function") write(value.toJSON());
  else {
    const keys = Object.keys(value).filter((key) => typeof value[key] != "function");
    size(keys.length, 0x80, 16, 0xdd, false);
    for (const key of keys) {
      write(key);
      write(value[key]);
    }
  }
}

/** The bytes of a value. */
export function encode(value: unknown): Uint8Array {
  // A `toJSON` that encodes something of its own.
  const outer = length;
  try {
    write(value);
    return bytes.slice(outer, length);
  } finally {
    length = outer;
    if (!outer && bytes.length > KEEP) {
      bytes = new Uint8Array(1024);
      view = new DataView(bytes.buffer);
    }
  }
}
