/** A parser of one's own, as the documentation of the official client shows it: an emitter that is not the client's. */
import { EventEmitter } from "node:events";

class Encoder {
  encode(packet: any) {
    return [JSON.stringify(packet)];
  }
}

class Decoder extends EventEmitter {
  add(chunk: any) {
    const packet = JSON.parse(chunk);
    if (typeof packet.type != "number" || typeof packet.nsp != "string") throw new Error("invalid format");
    this.emit("decoded", packet);
  }
  destroy() {
    this.removeAllListeners();
  }
}

export const parser = { Encoder, Decoder };
