/**
 * Socket.IO 5 packets (`<type>[<#attachments>-][<nsp>,][<ack id>][json]`), the default parser.
 *
 * Promises: a text that breaks the rules throws and nothing else happens; attachments are bounded; placeholders are only
 * filled from the attachments that their packet announced. Pure: no socket, no clock.
 */
import { isBinary } from "./binary.js";
import { Emitter } from "./emitter.js";
import { EVENT, isPayloadValid, type Packet } from "./protocol.js";

export class Encoder {
  /** The text of a packet, followed by its attachments. */
  encode({ type, nsp, id, data }: Packet): any[] {
    const attachments: any[] = [];
    const json = JSON.stringify(
      data ?? undefined,
      // An event or an answer.
      type & EVENT
        ? function (key, value) {
            // `this[key]` is the value before `toJSON`, which would have unfolded a Buffer; or it has given one.
            const raw = this[key];
            const binary = typeof raw == "object" && [raw, value].find(isBinary);
            return binary ? { _placeholder: true, num: attachments.push(binary) - 1 } : value;
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
  /** Takes the next attachment, while a packet is not complete. */
  private declare $attach?: (data: any) => void;

  /** Takes a text or an attachment; emits `decoded` when a packet is complete. Throws on a violation of the protocol. */
  add(frame: any): void {
    if (typeof frame == "string" && !this.$attach) this.$decode(frame);
    else if (this.$attach && isBinary(frame)) this.$attach(frame);
    else invalid();
  }

  /** Forgets a packet that is not complete. */
  destroy(): void {
    this.$attach = undefined;
  }

  private $decode(text: string): void {
    // Ten attachments at most, as the official decoder: it bounds what a hostile server can make us hold.
    const [, plain, binary, count = 0, nsp = "/", id, json] =
      /^(?:([0-4])|([56])0*([1-9]|10)-)(?:(\/[^,]*),?)?(\d*)(.*)/s.exec(text) || invalid();
    const packet: Packet = { type: +(plain ?? +binary - 3), nsp };
    const slots: Slot[] = [];
    if (id) packet.id = +id;
    if (json) {
      packet.data = JSON.parse(
        json,
        binary
          ? function (key, value) {
              if (value?._placeholder === true) slots.push([this, key, value.num]);
              return value;
            }
          : undefined,
      );
    }
    // The numbers that there are: anything else in their place is none of them.
    const numbers = [...Array(+count).keys()];
    if (!isPayloadValid(packet, !!json) || slots.some(([, , num]) => !numbers.includes(num))) invalid();

    const done = () => {
      this.destroy();
      this.$emit("decoded", packet);
    };
    if (!binary) return done();
    const attachments: any[] = [];
    this.$attach = (data) => {
      if (attachments.push(data) < +count) return;
      for (const [holder, key, num] of slots) holder[key] = attachments[num];
      done();
    };
  }
}

function invalid(): never {
  throw new Error("invalid packet");
}
