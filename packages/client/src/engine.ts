/**
 * One Engine.IO session: a transport, its heartbeat, its write buffer. When it is closed it is over; the `Manager` makes another.
 *
 * Promises: packets leave in the order of `write`; `close` comes once, with its reason; `close()` lets out what was written
 * before and waits for an upgrade that is under way.
 */
import { Emitter, listen } from "./emitter.js";
import type { EngineOptions } from "./options.js";
import { packetsThatFit, protocol, type Packet, type PacketType, type RawData } from "./packet.js";
import { later, platform } from "./platform.js";
import type { CloseDetails, Transport } from "./transport.js";
import { transports, type TransportCtor } from "./transports/index.js";
import { probe } from "./upgrade.js";
import { decodeQuery, isSecure, parseUrl } from "./url.js";

/** What the server says when a session opens. Times in milliseconds, `maxPayload` in bytes. */
export interface HandshakeData {
  sid: string;
  upgrades: string[];
  pingInterval: number;
  pingTimeout: number;
  maxPayload: number;
}

interface EngineEvents {
  open: () => void;
  handshake: (data: HandshakeData) => void;
  packet: (packet: Packet) => void;
  packetCreate: (packet: Packet) => void;
  data: (data: RawData) => void;
  message: (data: RawData) => void;
  drain: () => void;
  flush: () => void;
  heartbeat: () => void;
  ping: () => void;
  pong: () => void;
  error: (err: string | Error) => void;
  upgrading: (transport: Transport) => void;
  upgrade: (transport: Transport) => void;
  upgradeError: (err: Error) => void;
  close: (reason: string, description?: CloseDetails | Error) => void;
}

// By how much a timer is late, in milliseconds, before it counts as held up; and how long is then waited for a ping.
const LATE = 1000;

type WriteOptions = { compress?: boolean };

export interface Engine {
  /** Same as `write`. */
  send(msg: RawData, options?: WriteOptions | null, fn?: () => void): this;
}

export class Engine extends Emitter<{}, {}, EngineEvents> {
  /** The session's id, a secret between the server and us; not the id of a `Socket`. */
  declare id: string;
  declare transport: Transport;
  readyState: "opening" | "open" | "closing" | "closed" = "closed";
  /** Packets that were not handed to the network yet, and those that are just being handed over. */
  writeBuffer: Packet[] = [];
  /** The shape in which binary arrives. */
  binaryType = platform.$binaryType;
  declare readonly opts: EngineOptions & Record<string, any>;
  /** Where the server is; applications read it to make addresses of their own. */
  declare readonly hostname: string;
  declare readonly port: string;
  declare readonly secure: boolean;
  /** Names of the transports that may be used. */
  declare readonly transports: string[];
  /** Whether packets wait for a better transport. */
  upgrading = false;
  /** When the server counts as gone, in milliseconds since 1970; 0 when that has been noticed. */
  _pingTimeoutTime = Infinity;

  private declare readonly $ctors: Record<string, TransportCtor>;
  private declare readonly $unlisten: () => void;
  private declare $inFlight: number;
  private declare $heartbeat: number;
  private declare $maxPayload: number;
  private declare $cancelPing?: () => void;

  /** Without an address the options say where to connect, and else the page does. */
  constructor(uri: string | undefined, options: EngineOptions) {
    super();
    const opts: any = (this.opts = {
      upgrade: true,
      timestampParam: "t",
      transportOptions: {},
      ...options,
    });
    const here: any = globalThis.location || {};
    const [, protocol, host, port, , query] = parseUrl(
      // Nothing, a path or a query is of the page.
      (uri || opts.host || opts.hostname || "").replace(/^(?![^/?#])/, here.host || "localhost"),
    );
    this.hostname = opts.hostname = host;
    this.secure = opts.secure = uri ? isSecure(protocol) : opts.secure ?? isSecure(here.protocol);
    opts.port = (!uri && opts.port) || port;
    this.port = opts.port || (opts.secure ? "443" : "80");
    if (query || typeof opts.query == "string") opts.query = decodeQuery(query || opts.query);
    opts.path = opts.path.replace(/\/?$/, opts.addTrailingSlash === false ? "" : "/");

    const list: any[] = opts.transportImplementations || opts.transports || Object.values(transports);
    // Names that nobody knows are left out, and what the platform does not have.
    this.$ctors = Object.fromEntries(
      list
        .map((item) => transports[item] || item)
        .filter((item) => item.prototype && (item != transports.webtransport || (globalThis as any).WebTransport))
        .map((item) => [item.prototype.name, item]),
    );
    this.transports = Object.keys(this.$ctors);

    const check = () => this._hasPingExpired();
    const lost = () => this.$close("transport close", { description: "network connection lost" });
    this.$unlisten = listen(globalThis, {
      // The loopback works offline too.
      offline: () => opts.hostname != "localhost" && lost(),
      // A page that is left cuts its connections: nobody should hear of an error. If it comes back, they are gone.
      pagehide: () => this.transport.off("error").off("close"),
      pageshow: ({ persisted }) => persisted && lost(),
      beforeunload: () => opts.closeOnBeforeunload && this.transport.off().close(),
      // The timers of a page that nobody looks at are late or frozen.
      visibilitychange: check,
      online: check,
    });
    this.$open();
  }

  /** A transport for this session, not opened yet. By `...` V8 would make its options a hidden class, 400 bytes. @internal */
  $create(name: string): Transport {
    const { opts, id } = this;
    const query: any = { ...opts.query, EIO: protocol, transport: name };
    if (id) query.sid = id;
    return new this.$ctors[name](Object.assign({}, opts, { query, socket: this }, opts.transportOptions![name]));
  }

  private $open(): unknown {
    const { transports } = this;
    if (!transports[0]) {
      this.$unlisten();
      return later(this, () => this.$emit("error", "No transports available"));
    }
    const remembered = this.opts.rememberUpgrade && platform.$websocketWorked && transports.includes("websocket");
    this.readyState = "opening";
    const transport = this.$create(remembered ? "websocket" : transports[0]);
    this.$setTransport(transport);
    transport.open();
  }

  /** @internal */
  $setTransport(transport: Transport): void {
    this.transport?.off();
    this.transport = transport;
    listen(transport, {
      drain: () => this.$onDrain(),
      packet: (packet) => this.$onPacket(packet),
      error: (err) => this.$onError(err),
      close: (details) => this.$close("transport close", details),
    });
  }

  private $onPacket(packet: Packet): unknown {
    let { type, data } = packet;
    if (this.readyState == "closed") return;
    this.$emit("packet", packet);
    this.$emit("heartbeat");
    if (type == "open") {
      try {
        data = JSON.parse(data);
      } catch (err) {
        return this.$onError(err as Error);
      }
      this.$onHandshake(data);
    } else if (type == "ping") {
      this.$send("pong");
      this.$emit("ping");
      this.$emit("pong");
      this.$resetPingTimeout();
    } else if (type == "error") {
      this.$onError(Object.assign(new Error("server error"), { code: data }));
    } else if (type == "message") {
      this.$emit("data", data);
      this.$emit("message", data);
    }
  }

  private $onHandshake(data: HandshakeData): void {
    this.$emit("handshake", data);
    this.id = this.transport.query.sid = data.sid;
    this.$heartbeat = data.pingInterval + data.pingTimeout;
    this.$maxPayload = data.maxPayload;
    this.readyState = "open";
    platform.$websocketWorked = this.transport.name == "websocket";
    this.$resetPingTimeout();
    this.$emit("open");
    this.$flush();
    const upgrades = this.transports.filter((name) => data.upgrades?.includes(name));
    // A listener may have closed us.
    if (this.opts.upgrade && !this.$isOver()) for (const name of upgrades) probe(this, name, upgrades);
  }

  private $resetPingTimeout(): void {
    this.$cancelPing?.();
    this._pingTimeoutTime = Date.now() + this.$heartbeat;
    const close = () => this.$close("ping timeout");
    this.$cancelPing = later(this, () => {
      // A timer that is late was throttled or frozen: what has come meanwhile is read first.
      if (Date.now() - this._pingTimeoutTime < LATE) close();
      else this.$cancelPing = later(this, close, LATE);
    }, this.$heartbeat);
  }

  /** Whether the server is overdue, although a throttled timer has not said so yet; if it is, the session closes. @internal */
  _hasPingExpired(): boolean {
    const expired = Date.now() > this._pingTimeoutTime;
    if (expired) {
      this._pingTimeoutTime = 0;
      queueMicrotask(() => this.$close("ping timeout"));
    }
    return expired;
  }

  private $onDrain(): void {
    this.writeBuffer.splice(0, this.$inFlight);
    this.$inFlight = 0;
    if (this.writeBuffer[0]) this.$flush();
    else this.$emit("drain");
  }

  /** Hands over what waits, as much as one payload may hold. @internal */
  $flush(): void {
    const { transport, writeBuffer } = this;
    if (this.readyState != "closed" && transport.writable && !this.upgrading && writeBuffer[0]) {
      const packets = writeBuffer.slice(0, packetsThatFit(writeBuffer, transport.name == "polling" && this.$maxPayload));
      this.$inFlight = packets.length;
      transport.send(packets);
      this.$emit("flush");
    }
  }

  /** Sends a message; `fn` is called when it has been handed to the transport. */
  write(msg: RawData, options?: WriteOptions | null, fn?: () => void): this {
    this.$send("message", [msg], options, fn);
    return this;
  }

  /** Queues packets of a type as one unit: nothing comes between them. @internal */
  $send(type: PacketType, list: RawData[] = [undefined], options?: WriteOptions | null, fn?: () => void): void {
    if (this.$isOver()) return;
    const packets = list.map((data) => ({ type, data, options: { compress: options?.compress !== false } }));
    this.writeBuffer.push(...packets);
    for (const packet of packets) this.$emit("packetCreate", packet);
    // The options may be left out.
    if ((fn ||= (options as any)?.call && options)) this.once("flush", fn!);
    this.$flush();
  }

  /** Closes the session, after what was written before has left. */
  close(): this {
    if (this.$isOver()) return this;
    this.readyState = "closing";
    const end = () => this.$close("forced close");
    const close = () => (this.upgrading ? this.once("upgrade", end).once("upgradeError", end) : end());
    if (this.writeBuffer[0]) this.once("drain", close);
    else close();
    return this;
  }

  /** Whether it is closed, or about to be. */
  private $isOver(): boolean {
    return this.readyState[0] == "c";
  }

  private $onError(err: Error): unknown {
    platform.$websocketWorked = false;
    if (this.opts.tryAllTransports && this.transports[1] && this.readyState == "opening") {
      this.transport.off().close();
      this.transports.shift();
      return this.$open();
    }
    this.$emit("error", err);
    this.$close("transport error", err);
  }

  private $close(reason: string, description?: CloseDetails | Error): void {
    if (this.readyState == "closed") return;
    this.$cancelPing?.();
    this.transport.off("close");
    this.transport.close().off();
    this.$unlisten();
    this.readyState = "closed";
    this.id = null!;
    this.$emit("close", reason, description);
    // After the event, so that its listeners see what was not sent.
    this.writeBuffer = [];
  }
}

Engine.prototype.send = Engine.prototype.write;
