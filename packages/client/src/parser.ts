/**
 * Socket.IO 5 packets (`<type>[<#attachments>-][<nsp>,][<ack id>][json]`), the default parser.
 *
 * Promises: a text that breaks the rules throws and nothing else happens; attachments are bounded; placeholders are only
 * filled from the attachments that their packet announced. Pure: no socket, no clock.
 */
import { hasBinary, isBinary } from "./binary.js";
import { Emitter } from "./emitter.js";
import { ACK, CONNECT_ERROR, EVENT, isPayloadValid, type Packet } from "./protocol.js";

// The official decoder's limit; it bounds what a hostile server can make us hold.
const MAX_ATTACHMENTS = 10;

export class Encoder {
  /** The text of a packet, followed by its attachments. */
  encode(packet: Packet): any[] {
    let { type, nsp, id, data } = packet;
    const attachments: any[] = [];
    let json = "";
    if ((type == EVENT || type == ACK) && hasBinary(data)) {
      json = JSON.stringify(data, function (key, value) {
        // `this[key]` is the value before `toJSON`, which would have unfolded a Buffer.
        const raw = this[key];
        return isBinary(raw) ? { _placeholder: true, num: attachments.push(raw) - 1 } : value;
      });
      type += 3;
    } else if (data != null) {
      json = JSON.stringify(data);
    }
    const head = type + (type > CONNECT_ERROR ? attachments.length + "-" : "") + (nsp && nsp != "/" ? nsp + "," : "");
    return [head + (id ?? "") + json, ...attachments];
  }
}

/** Where a placeholder stands: its holder, its key there, the number of its attachment. */
type Slot = [holder: any, key: string, num: number];

export class Decoder extends Emitter<{}, {}, { decoded: (packet: Packet) => void }> {
  /** A packet whose attachments are not complete. */
  private $packet?: Packet;
  private $slots!: Slot[];
  private $attachments!: any[];

  /** Takes a text or an attachment; emits `decoded` when a packet is complete. Throws on a violation of the protocol. */
  add(frame: any): void {
    let packet = this.$packet;
    const isText = typeof frame == "string";
    if (isText ? packet : !packet || !isBinary(frame)) throw new Error("unexpected " + (isText ? "text" : "binary"));
    if (isText) {
      packet = this.$decode(frame);
      if (packet.attachments) {
        this.$packet = packet;
        return;
      }
    } else {
      if (this.$attachments.push(frame) < packet!.attachments!) return;
      for (const [holder, key, num] of this.$slots) holder[key] = this.$attachments[num];
      delete packet!.attachments;
      this.destroy();
    }
    this.$emit("decoded", packet!);
  }

  /** Forgets a packet that is not complete. */
  destroy(): void {
    this.$packet = undefined;
    this.$slots = this.$attachments = [];
  }

  private $decode(text: string): Packet {
    const match = /^(?:([0-4])|([56])(\d+)-)(?:(\/[^,]*),?)?(\d*)(.*)$/s.exec(text);
    if (!match) throw new Error("invalid packet");
    const [, plain, binary, count, nsp = "/", id, json] = match;
    const attachments = +count;
    if (binary && !(attachments > 0 && attachments <= MAX_ATTACHMENTS)) throw new Error("illegal attachments");

    const packet: Packet = { type: plain ? +plain : +binary - 3, nsp };
    if (id) packet.id = +id;
    if (binary) packet.attachments = attachments;

    const slots: Slot[] = [];
    if (json) {
      packet.data = JSON.parse(
        json,
        binary
          ? function (key, value) {
              if (value && value._placeholder === true) slots.push([this, key, value.num]);
              return value;
            }
          : undefined,
      );
    }
    if (!isPayloadValid(packet, !!json)) throw new Error("invalid payload");
    for (const [, , num] of slots) {
      if (!(Number.isInteger(num) && num >= 0 && num < attachments)) throw new Error("illegal attachments");
    }
    this.$slots = slots;
    this.$attachments = [];
    return packet;
  }
}
