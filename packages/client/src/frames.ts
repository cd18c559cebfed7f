/**
 * Frames of WebTransport (Engine.IO 4, "WebTransport"): a byte whose highest bit says "binary" and whose others are the length;
 * 126 announces 16 bits of length, 127 announces 64; then the packet, a text as UTF-8. Pure: bytes in, bytes out.
 */
import { bytesOf } from "./binary.js";

/** One packet, as it is after `encodePacket`, as a frame. */
export function encodeFrame(packet: string | ArrayBuffer | ArrayBufferView): Uint8Array {
  const text = typeof packet == "string";
  const bytes = text ? new TextEncoder().encode(packet) : bytesOf(packet);
  const { length } = bytes;
  const start = length < 126 ? 1 : length < 65536 ? 3 : 9;
  const frame = new Uint8Array(start + length);
  frame[0] = (text ? 0 : 128) + (start > 3 ? 127 : start > 1 ? 126 : length);
  // The last bytes of the header are the length's, whichever their number. Four gigabytes in one packet, nobody sends.
  for (let i = start, rest = length; --i; rest >>>= 8) frame[i] = rest;
  frame.set(bytes, start);
  return frame;
}

/**
 * Reads frames until the stream ends. `read` gives the next chunk, however the bytes were cut, or nothing at the end;
 * `receive` gets each packet, a text or an ArrayBuffer. Rejects where the stream ends within a frame, at a frame without a
 * packet and at one that is too long.
 */
export async function readFrames(
  read: () => Promise<Uint8Array | undefined>,
  receive: (packet: string | ArrayBuffer) => void,
): Promise<void> {
  /** What was read and not taken yet. */
  let rest: Uint8Array = new Uint8Array();
  /** The next bytes; fewer where the stream ends. */
  const take = async (length: number): Promise<Uint8Array> => {
    const chunks: any[] = rest.length ? [rest] : [];
    let size = rest.length;
    for (let chunk; size < length && (chunk = await read()); size += chunk.length) chunks.push(chunk);
    // The platform joins them best, once for each frame, however many chunks it came in.
    if (size) rest = chunks[1] ? new Uint8Array(await new Blob(chunks).arrayBuffer()) : chunks[0];
    const taken = rest.subarray(0, length);
    rest = rest.subarray(length);
    return taken;
  };
  for (let head: Uint8Array; (head = await take(1)).length; ) {
    let length = head[0] & 127;
    if (length > 125) length = (await take(length < 127 ? 2 : 8)).reduce((sum, byte) => sum * 256 + byte, 0);
    const bytes = length < 2 ** 53 ? await take(length) : head;
    if (!length || bytes.length < length) throw new Error("invalid frame");
    receive(head[0] > 127 ? (bytes.slice().buffer as ArrayBuffer) : new TextDecoder().decode(bytes));
  }
}
