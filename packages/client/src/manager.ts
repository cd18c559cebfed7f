/**
 * A `Manager` keeps one connection to a server alive and shares it among the namespaces.
 *
 * Promises: it reconnects with backoff unless the application has closed it or the last of its sockets; packets are handed
 * out one microtask after they were read, so that an exception of a listener is not taken for a bad packet.
 */
import { Emitter, listen, type DefaultEventsMap, type EventsMap } from "./emitter.js";
import { Engine } from "./engine.js";
import type { ManagerOptions, SocketOptions } from "./options.js";
import { Decoder, Encoder } from "./parser.js";
import { later } from "./platform.js";
import type { Packet } from "./protocol.js";
import { Socket, type DisconnectDescription } from "./socket.js";

interface ManagerEvents {
  open: () => void;
  error: (err: Error) => void;
  ping: () => void;
  packet: (packet: Packet) => void;
  close: (reason: string, description?: DisconnectDescription) => void;
  reconnect_failed: () => void;
  reconnect_attempt: (attempt: number) => void;
  reconnect_error: (err: Error) => void;
  reconnect: (attempt: number) => void;
}

/** The options that have an accessor of their name. */
const DEFAULTS: Record<string, number | boolean> = {
  reconnection: true,
  reconnectionAttempts: Infinity,
  reconnectionDelay: 1000,
  reconnectionDelayMax: 5000,
  randomizationFactor: 0.5,
  timeout: 20000,
};

export interface Manager<ListenEvents extends EventsMap = DefaultEventsMap, EmitEvents extends EventsMap = ListenEvents> {
  /** Whether to reconnect. Setting it to false also ends the attempts that are under way. */
  reconnection(): boolean;
  reconnection(value: boolean): this;
  /** How often to try before giving up. */
  reconnectionAttempts(): number;
  reconnectionAttempts(value: number): this;
  /** The first delay, in milliseconds. */
  reconnectionDelay(): number;
  reconnectionDelay(value: number): this;
  /** The longest delay, in milliseconds. */
  reconnectionDelayMax(): number;
  reconnectionDelayMax(value: number): this;
  /** How much a delay varies, 0 to 1. */
  randomizationFactor(): number;
  randomizationFactor(value: number): this;
  /** Time-out of an attempt to connect in milliseconds, or false. */
  timeout(): number | boolean;
  timeout(value: number | boolean): this;
  /** Same as `open`. */
  connect(fn?: (err?: Error) => void): this;
  /** Closes the connection and stops reconnecting. */
  disconnect(): void;
}

export class Manager<
  ListenEvents extends EventsMap = DefaultEventsMap,
  EmitEvents extends EventsMap = ListenEvents,
> extends Emitter<{}, {}, ManagerEvents> {
  /** The connection, or the last one. */
  declare engine: Engine;
  /** The options; what is changed here counts from the next attempt to connect. */
  declare opts: Partial<ManagerOptions>;
  /** The sockets by namespace. */
  nsps: Record<string, Socket> = {};
  declare _autoConnect: boolean;
  _readyState: "opening" | "open" | "closed" = "closed";
  declare _reconnecting: boolean;

  private declare readonly uri?: string;
  private subs: (() => void)[] = [];
  /** Applications replace `duration`, to wait as they like. */
  private readonly backoff = {
    attempts: 0,
    /** The next delay in milliseconds: doubled every time, moved up or down at random, and with a ceiling. */
    duration: (): number =>
      Math.min(
        this._reconnectionDelayMax,
        2 ** this.backoff.attempts++ * this._reconnectionDelay * (1 + this._randomizationFactor * (2 * Math.random() - 1)),
      ) | 0,
  };
  private declare skipReconnect: boolean;
  private declare readonly encoder: any;
  private declare readonly decoder: any;
  private declare _reconnection: boolean;
  private declare _reconnectionAttempts: number;
  private declare _reconnectionDelay: number;
  private declare _reconnectionDelayMax: number;
  private declare _randomizationFactor: number;
  private declare _timeout: number | false;

  constructor(opts: Partial<ManagerOptions>);
  constructor(uri?: string, opts?: Partial<ManagerOptions>);
  constructor(uri?: string | Partial<ManagerOptions>, opts?: Partial<ManagerOptions>);
  constructor(uri?: string | Partial<ManagerOptions>, opts?: Partial<ManagerOptions>) {
    super();
    if (uri && typeof uri == "object") {
      opts = uri;
      uri = undefined;
    }
    opts ||= {};
    opts.path ||= "/socket.io";
    this.opts = opts;
    this.uri = uri as string;
    for (const name in DEFAULTS) {
      const value = (opts as any)[name];
      // Of the delays and the attempts, 0 means the default too.
      (this as any)["_" + name] = (/n[AD]/.test(name) ? value || null : value) ?? DEFAULTS[name];
    }
    const parser = opts.parser || { Encoder, Decoder };
    this.encoder = new parser.Encoder();
    this.decoder = new parser.Decoder();
    if ((this._autoConnect = opts.autoConnect !== false)) this.open();
  }

  /** Connects, unless it is connected or connecting. With a callback, a failure does not start the attempts to reconnect. */
  open(fn?: (err?: Error) => void): this {
    if (this._readyState != "closed") return this;
    // Whoever does not wait for the next attempt takes its place.
    this.$cleanup();
    const { decoder } = this;
    const engine = (this.engine = new Engine(this.uri, this.opts));
    this._readyState = "opening";
    this.skipReconnect = false;

    const onDecoded = (packet: Packet) => queueMicrotask(() => this.$emit("packet", packet));
    const fail = (err: Error) => {
      this.$cleanup();
      this._readyState = "closed";
      // Before the event: a listener that connects a socket need not open what will be opened.
      this._reconnecting ||= !fn && this._reconnection;
      this.$emit("error", err);
      if (this._reconnecting) this.reconnect();
      fn?.(err);
    };
    this.subs.push(
      listen(engine, {
        open: () => {
          this.$cleanup();
          this._readyState = "open";
          this._reconnecting = false;
          // Before the event: a listener may close us, and open another connection.
          this.subs.push(
            listen(engine, {
              ping: () => this.$emit("ping"),
              data: (data) => {
                try {
                  decoder.add(data);
                } catch (err) {
                  this.onclose("parse error", err as Error);
                }
              },
              error: (err) => this.$emit("error", err),
              close: (reason, description) => this.onclose(reason, description),
            }),
            () => decoder.off("decoded", onDecoded),
          );
          // The decoder of an application knows `on` and `off`, perhaps no more.
          decoder.on("decoded", onDecoded);
          this.$emit("open");
          fn?.();
        },
        error: fail,
        // A connection that ends before the handshake has come is a failure like any other.
        close: (reason) => fail(new Error(reason)),
      }),
    );

    if (this._timeout !== false) {
      this.subs.push(
        later(this, () => {
          fail(new Error("timeout"));
          engine.close();
        }, this._timeout),
      );
    }
    return this;
  }

  /** The socket of a namespace, made at the first call. */
  socket(nsp: string, opts?: Partial<SocketOptions>): Socket<ListenEvents, EmitEvents> {
    const socket = (this.nsps[nsp] ||= new Socket(this as any, nsp, opts));
    if (this._autoConnect && !socket.active) socket.connect();
    return socket as any;
  }

  /** A socket is done; the connection closes with the last one. @internal */
  _destroy(): void {
    if (!Object.values(this.nsps).some((socket) => socket.active)) this._close();
  }

  /** Sends a packet; its attachments follow it directly. @internal */
  _packet(packet: Partial<Packet>): void {
    this.engine.$send("message", this.encoder.encode(packet), packet.options);
  }

  private $cleanup(): void {
    for (const off of this.subs) off();
    this.subs = [];
    this.decoder.destroy();
  }

  /** Same as `disconnect`. */
  _close(): void {
    this.skipReconnect = true;
    this._reconnecting = false;
    this.onclose("forced close");
  }

  private onclose(reason: string, description?: DisconnectDescription): void {
    this.$cleanup();
    this.engine?.close();
    this.backoff.attempts = 0;
    this._readyState = "closed";
    this.$emit("close", reason, description);
    if (this._reconnection) this.reconnect();
  }

  private reconnect(): unknown {
    // It waits already, or a listener did not.
    if (this.subs[0]) return this;
    this._reconnecting = false;
    // A listener may have closed us.
    if (this.skipReconnect) return this;
    const { backoff: state } = this;
    if (state.attempts >= this._reconnectionAttempts) {
      state.attempts = 0;
      return this.$emit("reconnect_failed");
    }
    this._reconnecting = true;
    const delay = state.duration();
    const { attempts } = state;
    const attempt = () => {
      if (this.skipReconnect) return;
      this.$emit("reconnect_attempt", attempts);
      // A listener may have closed us.
      if (this.skipReconnect) return;
      this.open((err) => {
        if (err) this.$emit("reconnect_error", err);
        else {
          state.attempts = 0;
          this.$emit("reconnect", attempts);
        }
      });
    };
    // No reason to wait any longer; and the timers of a page that nobody looked at are throttled.
    const wake = () => globalThis.document?.hidden || attempt();
    this.subs.push(later(this, attempt, delay), listen(globalThis, { online: wake, visibilitychange: wake }));
  }
}

const proto: any = Manager.prototype;
proto.connect = proto.open;
proto.disconnect = proto._close;
for (const name in DEFAULTS) {
  proto[name] = function (value: any) {
    if (value === undefined) return this["_" + name];
    this["_" + name] = value;
    if (name == "reconnection" && !value) {
      this.skipReconnect = true;
      this._reconnecting = false;
    }
    return this;
  };
}
