/**
 * The parser that has msgpack in place of JSON: a packet is one binary message, `{type, nsp, data?, id?}`, and bytes need no
 * attachments. Server and client must both use it. Compatible with npm's `socket.io-msgpack-parser`.
 *
 *     io({ parser: msgpack })
 */
import { Emitter } from "../emitter.js";
import { ACK, CONNECT, CONNECT_ERROR, EVENT, isPayloadValid, type Packet } from "../protocol.js";
import { decode } from "./decode.js";
import { encode } from "./encode.js";

export class Encoder {
  /** The one message that a packet becomes. What the option `bufferLimit` has noted on it is not for the server. */
  encode({ $size, ...packet }: Partial<Packet> & { $size?: number }): Uint8Array[] {
    return [encode(packet)];
  }
}

export class Decoder extends Emitter<{}, {}, { decoded: (packet: Packet) => void }> {
  /** Takes a message and emits `decoded`. Throws on a violation of the protocol. */
  add(message: any): void {
    const packet = decode(message);
    const { type, nsp, data, id } = Object(packet);
    if (!Number.isInteger(type) || type < CONNECT || type > CONNECT_ERROR) throw new Error("invalid packet type");
    if (typeof nsp != "string") throw new Error("invalid namespace");
    if (!isPayloadValid(packet, type == EVENT || type == ACK || data != null)) throw new Error("invalid payload");
    if (id != null && !Number.isInteger(id)) throw new Error("invalid packet id");
    this.$emit("decoded", packet);
  }

  /** Nothing is kept between messages. */
  destroy(): void {}
}
