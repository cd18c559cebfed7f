/**
 * Socket.IO 5 packets (`<type>[<#attachments>-][<nsp>,][<ack id>][json]`), the default parser.
 *
 * Promises: a text that breaks the rules throws and nothing else happens; attachments are bounded; placeholders are only
 * filled from the attachments that their packet announced. Pure: no socket, no clock.
 */
import { isBinary } from "./binary.js";
import { Emitter } from "./emitter.js";
import { ACK, CONNECT_ERROR, EVENT, isPayloadValid, type Packet } from "./protocol.js";

// The official decoder's limit; it bounds what a hostile server can make us hold.
const MAX_ATTACHMENTS = 10;

export class Encoder {
  /** The text of a packet, followed by its attachments. */
  encode({ type, nsp, id, data }: Packet): any[] {
    const attachments: any[] = [];
    const json = JSON.stringify(
      data ?? undefined,
      type == EVENT || type == ACK
        ? function (key, value) {
            // `this[key]` is the value before `toJSON`, which would have unfolded a Buffer.
            const raw = this[key];
            return raw && typeof raw == "object" && isBinary(raw) ? { _placeholder: true, num: attachments.push(raw) - 1 } : value;
          }
        : undefined,
    );
    const { length } = attachments;
    return [
      (length ? type + 3 + (length + "-") : type) + (nsp && nsp != "/" ? nsp + "," : "") + (id ?? "") + (json ?? ""),
      ...attachments,
    ];
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
      this.$packet = packet = this.$decode(frame);
      if (packet.attachments) return;
    } else {
      if (this.$attachments.push(frame) < packet!.attachments!) return;
      for (const [holder, key, num] of this.$slots) holder[key] = this.$attachments[num];
      delete packet!.attachments;
    }
    this.destroy();
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
    const packet: Packet = { type: plain ? +plain : +binary - 3, nsp };
    if (id) packet.id = +id;
    if (binary) packet.attachments = attachments;

    const slots: Slot[] = (this.$slots = []);
    this.$attachments = [];
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
    if (
      (binary && !(attachments > 0 && attachments <= MAX_ATTACHMENTS)) ||
      slots.some(([, , num]) => !(Number.isInteger(num) && num >= 0 && num < attachments))
    ) {
      throw new Error("illegal attachments");
    }
    return packet;
  }
}
