/** WebSocket: a frame is a packet. */
import { decodePacket, encodePacket, type Packet } from "../packet.js";
import { platform } from "../platform.js";
import { Transport } from "../transport.js";

export class WS extends Transport {
  /** The WebSocket itself. */
  declare ws: any;

  get name(): string {
    return "websocket";
  }

  protected doOpen(): void {
    const { opts } = this;
    let ws: any;
    try {
      ws = this.ws = platform.$webSocket(this.$uri("ws", opts.timestampRequests), opts.protocols, opts);
    } catch (err) {
      // Later, when the listeners of whoever opens us are in place.
      return queueMicrotask(() => this.$fail(err));
    }
    ws.binaryType = "arraybuffer";
    ws.onopen = () => this.onOpen();
    ws.onclose = (event: unknown) => this.$end(event);
    ws.onmessage = ({ data }: any) => {
      // The server has said goodbye; a frame in return ends the connection at once.
      if (data == "1") ws.close();
      this.onPacket(decodePacket(data));
    };
    ws.onerror = (event: unknown) => this.$fail(event);
  }

  protected write(packets: Packet[]): void {
    // The second argument is for `ws` on Node; browsers ignore it.
    for (const packet of packets) this.ws.send(encodePacket(packet, !this.opts.forceBase64), packet.options);
    queueMicrotask(() => this.$onDrain());
  }

  protected doClose(): void {
    const { ws } = this;
    if (ws) {
      // Of a function, not null: `ws` on Node emits an error when it is closed before it is open.
      ws.onopen = ws.onmessage = ws.onclose = ws.onerror = () => {};
      ws.close();
    }
  }
}
