/**
 * Engine.IO 4 packets: one digit and a text, or bytes alone; and the payloads of long-polling, which join packets with
 * U+001E. Pure: no socket, no clock.
 */
import { fromBase64, isBinary, toBase64 } from "./binary.js";

/** What a message carries. */
export type RawData = any;

export type BinaryType = "nodebuffer" | "arraybuffer" | "blob";

/** In the order of their digits; "error" stands for a packet that could not be read. */
const TYPES = ["open", "close", "ping", "pong", "message", "upgrade", "noop"] as const;

export type PacketType = (typeof TYPES)[number] | "error";

export interface Packet {
  type: PacketType;
  data?: RawData;
  options?: { compress: boolean };
}

/** The version of Engine.IO that is spoken. */
export const protocol = 4;

const SEPARATOR = "\x1e";

/** One packet as a frame: bytes stay bytes where the transport can carry them. */
export function encodePacket(packet: Packet, supportsBinary?: boolean): any {
  const { type, data } = packet;
  return isBinary(data)
    ? supportsBinary
      ? data
      : "b" + toBase64(data as ArrayBuffer)
    : [TYPES.indexOf(type as any)] + (data || "");
}

/** One frame as a packet. */
export function decodePacket(frame: any): Packet {
  if (typeof frame != "string") return { type: "message", data: frame };
  let type: PacketType | undefined = TYPES[frame[0] as any];
  let data: RawData = frame.slice(1);
  if (frame[0] == "b") {
    try {
      data = fromBase64(data);
      type = "message";
    } catch {
      // not base64: the packet is an error, as below
    }
  }
  return type ? (data ? { type, data } : { type }) : { type: "error", data: "parser error" };
}

export function encodePayload(batch: Packet[]): string {
  return batch.map((packet) => encodePacket(packet)).join(SEPARATOR);
}

export const decodePayload = (text: string): Packet[] => text.split(SEPARATOR).map(decodePacket);

/**
 * Bytes of binary, or at most of a text in UTF-8: what is not ASCII counts three, and an astral character six. React Native has no
 * TextEncoder everywhere to know it better.
 */
export const sizeOf = (data: any): number =>
  data ? data.byteLength ?? data.size ?? ("" + data).replace(/[^\0-\x7f]/g, "abc").length : 0;

/** How many of the packets, at least one, fit into a payload of `max` bytes; all where there is no such bound. */
export function packetsThatFit(packets: Packet[], max?: number | false): number {
  let size = -1; // there is one separator less than packets
  const tooMany = packets.findIndex(
    // Binary as base64.
    ({ data }, i) => max && (size += 2 + (typeof data == "string" ? sizeOf(data) : Math.ceil(sizeOf(data) / 3) * 4)) > max && i,
  );
  return tooMany < 0 ? packets.length : tooMany;
}
