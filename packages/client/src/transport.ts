/**
 * What a transport is: a way to carry Engine.IO packets. A new one extends `Transport` and is named in `transports/index.ts`
 * or passed in the option `transports`.
 *
 * Promises: `drain` follows every `send`; after `close` nothing is emitted but `close`.
 */
import { Emitter } from "./emitter.js";
import type { EngineOptions } from "./options.js";
import type { Packet } from "./packet.js";
import { platform } from "./platform.js";
import { encodeQuery, unique } from "./url.js";

/** Why a connection ended: a description, and the close event or response that goes with it. */
export interface CloseDetails {
  description: string;
  context?: unknown;
}

/**
 * A failure of a transport. `description`: the HTTP status (0: there was no answer) or the underlying error; `context`: the
 * response or the event; `hint`: what it most likely means, in words.
 */
export interface TransportError extends Error {
  type: "TransportError";
  description: any;
  context: any;
  hint?: string;
}

interface TransportEvents {
  open: () => void;
  error: (err: TransportError) => void;
  packet: (packet: Packet) => void;
  close: (details?: CloseDetails) => void;
  poll: () => void;
  pollComplete: () => void;
  drain: () => void;
}

/** The options of a transport: the engine's, with what the address and the session add. */
export type TransportOptions = EngineOptions & {
  hostname: string;
  port: string | number;
  secure: boolean;
  path: string;
  query: Record<string, any>;
  timestampParam: string;
  /** The engine that owns the transport. */
  socket: any;
};

export abstract class Transport extends Emitter<{}, {}, TransportEvents> {
  /** Whether `send` may be called. */
  writable = false;
  declare query: Record<string, any>;
  readyState: "opening" | "open" | "pausing" | "paused" | "closed" = "closed";
  declare readonly opts: TransportOptions;
  protected declare readonly socket: any;

  constructor(opts: TransportOptions) {
    super();
    this.opts = opts;
    this.query = opts.query || {};
    this.socket = opts.socket;
  }

  abstract get name(): string;
  protected abstract doOpen(): void;
  protected abstract doClose(): void;
  protected abstract write(packets: Packet[]): void;

  open(): this {
    this.readyState = "opening";
    this.doOpen();
    return this;
  }

  close(): this {
    if (this.readyState != "closed") {
      this.doClose();
      this.onClose();
    }
    return this;
  }

  send(packets: Packet[]): void {
    if (this.readyState != "open") return;
    this.writable = false;
    // A Blob has to be read before it can be framed; until then nothing else is sent, so the order holds.
    const blobs = packets.filter(({ data }) => data?.size >= 0);
    if (blobs[0]) {
      Promise.all(blobs.map(async (packet) => (packet.data = await packet.data.arrayBuffer()))).then(
        () => this.write(packets),
        (err) => this.onError("blob read error", err),
      );
    } else this.write(packets);
  }

  /** Stops receiving, and calls back when nothing is under way any more. */
  pause(done: () => void): void {
    done();
  }

  /** Takes a `pause` back. */
  resume?(): void;

  protected onOpen(): void {
    this.readyState = "open";
    this.writable = true;
    this.$emit("open");
  }

  protected $onDrain(): void {
    this.writable = true;
    this.$emit("drain");
  }

  protected onPacket(packet: Packet): void {
    if (packet.type == "close") {
      // After what came before it, which the `Manager` hands out a microtask after it was read.
      queueMicrotask(() => this.onClose({ description: "transport closed by the server" }));
      return;
    }
    packet.data = platform.$toBinary(packet.data, this.socket.binaryType);
    this.$emit("packet", packet);
  }

  protected onClose(details?: CloseDetails): void {
    this.readyState = "closed";
    this.$emit("close", details);
  }

  protected onError(message: string, description: any, context?: any, hint?: string): void {
    this.$emit("error", Object.assign(new Error(message), { type: "TransportError" as const, description, context, hint }));
  }

  /** The other side is gone, or the way to it. */
  protected $end(context?: unknown): void {
    this.onClose({ description: this.name + " connection closed", context });
  }

  protected $fail(err: unknown): void {
    this.onError(this.name + " error", err);
  }

  /** The address of the session; `schema` is "http" or "ws". */
  protected $uri(schema: string, stamp?: boolean): string {
    const { opts, query } = this;
    const { secure, port, hostname } = opts;
    if (stamp) query[opts.timestampParam] = unique();
    if (opts.forceBase64) query.b64 = 1;
    return (
      schema +
      (secure ? "s://" : "://") +
      hostname +
      (port && +port != (secure ? 443 : 80) ? ":" + port : "") +
      opts.path +
      "?" +
      encodeQuery(query)
    );
  }
}
