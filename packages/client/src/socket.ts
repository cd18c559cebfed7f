/**
 * A `Socket` is one namespace of a connection: events both ways, acknowledgements, what is kept while there is no connection.
 *
 * Promises: events leave in the order of `emit`, those that are emitted offline at the next CONNECT; an acknowledgement is
 * called at most once; events that arrive before the CONNECT are delivered right before `connect`, or never where the
 * connection ends first: a server that recovers sends them again.
 */
import type { AllButLast, DecorateAcknowledgements, FirstArg, Last } from "./ack-types.js";
import { fail, register, type Ack } from "./acks.js";
import { add, drop } from "./buffer.js";
import { addCatchAll } from "./catch-all.js";
import { Emitter, callAll, listen, type DefaultEventsMap, type EventNames, type EventParams, type EventsMap } from "./emitter.js";
import type { Manager } from "./manager.js";
import type { Auth, SocketOptions } from "./options.js";
import { promise } from "./promise.js";
import { ACK, CONNECT, DISCONNECT, EVENT, RESERVED, type Packet } from "./protocol.js";
import { drain, enqueue, type Flags, type QueuedPacket } from "./retry.js";
import type { CloseDetails } from "./transport.js";

export type DisconnectDescription = Error | CloseDetails;

interface SocketEvents {
  connect: () => void;
  connect_error: (err: Error) => void;
  disconnect: (reason: Socket.DisconnectReason, description?: DisconnectDescription) => void;
}

type Listener = (...args: any[]) => void;

export interface Socket<ListenEvents extends EventsMap = DefaultEventsMap, EmitEvents extends EventsMap = ListenEvents> {
  /** Same as `connect`. */
  open(): this;
  /** Same as `disconnect`. */
  close(): this;
  /** Adds a listener of all events that arrive. */
  onAny(listener: Listener): this;
  /** Adds one that is called before the others. */
  prependAny(listener: Listener): this;
  /** Removes one, or all. */
  offAny(listener?: Listener): this;
  listenersAny(): Listener[];
  /** Adds a listener of all events that are sent. */
  onAnyOutgoing(listener: Listener): this;
  prependAnyOutgoing(listener: Listener): this;
  offAnyOutgoing(listener?: Listener): this;
  listenersAnyOutgoing(): Listener[];
}

export class Socket<
  ListenEvents extends EventsMap = DefaultEventsMap,
  EmitEvents extends EventsMap = ListenEvents,
> extends Emitter<ListenEvents, EmitEvents, SocketEvents> {
  /** The connection, shared with other namespaces. */
  declare readonly io: Manager<ListenEvents, EmitEvents>;
  declare readonly nsp: string;
  /** The id on the server; undefined while not connected. */
  declare id: string | undefined;
  connected = false;
  /** Whether the last connection went on where the one before ended, with nothing missed. */
  recovered = false;
  /** Credentials: a value, or a function that is asked at every connection. */
  declare auth?: Auth;
  /** Events that came before the CONNECT. */
  receiveBuffer: any[][] = [];
  /** Packets that wait for a connection. */
  sendBuffer: Partial<Packet>[] = [];

  /** What `emit` has queued last. */
  private declare $last: any;
  /** Events that wait for their turn with `retries`. */
  _queue: QueuedPacket[] = [];
  private declare readonly _opts: Partial<SocketOptions>;
  private declare _pid?: string;
  private declare _lastOffset?: string;
  private ids = 0;
  private acks: Record<string, Ack> = {};
  private flags: Flags = {};
  private declare subs?: () => void;
  private _anyListeners: Listener[] = [];
  private _anyOutgoingListeners: Listener[] = [];

  constructor(io: Manager, nsp: string, opts?: Partial<SocketOptions>) {
    super();
    this.io = io as any;
    this.nsp = nsp;
    this.auth = opts?.auth;
    this._opts = { ...opts };
    if (io._autoConnect) this.connect();
  }

  get disconnected(): boolean {
    return !this.connected;
  }

  /** Whether the socket is connected or will be without further ado. */
  get active(): boolean {
    return !!this.subs;
  }

  /** Connects, or reconnects after a disconnection that was wanted. */
  connect(): this {
    const { io } = this;
    if (this.connected) return this;
    this.subs ||= listen(io, {
      open: () => this.onopen(),
      packet: (packet) => this.onpacket(packet),
      error: (err) => this.connected || this.$emit("connect_error", err),
      close: (reason, description) => this.onclose(reason, description),
    });
    if (!io._reconnecting) io.open();
    if (io._readyState == "open") this.onopen();
    return this;
  }

  /** Emits a `message`. */
  send(...args: any[]): this {
    return this.emit("message" as any, ...(args as any));
  }

  /** Sends an event; a function as last argument is called with what the other side answers. */
  override emit<Ev extends EventNames<EmitEvents>>(ev: Ev, ...args: EventParams<EmitEvents, Ev>): this;
  override emit(...data: any[]): this {
    if (RESERVED.includes(data[0])) throw new Error('"' + data[0] + '" is a reserved event name');
    const { flags, io } = this;
    const ack = typeof data[data.length - 1] == "function" ? data.pop() : undefined;
    this.flags = {};
    if (this._opts.retries && !flags.$fromQueue && !flags.volatile) {
      enqueue(this, data, ack, flags);
      return this;
    }

    const packet: Partial<Packet> = { type: EVENT, data, options: { compress: flags.compress !== false } };
    const connected = this.connected && !io.engine._hasPingExpired();
    const kept = connected || flags.volatile || add(this, this.sendBuffer, packet, data);
    if (ack) register(this, packet, ack, flags);
    // What is volatile goes at once or never.
    if (connected && (!flags.volatile || io.engine.transport.writable)) this.$transmit(packet);
    else if (!kept) drop(this, packet);
    // Last: a listener of what is sent may have emitted too.
    this.$last = packet;
    return this;
  }

  /** Sends an event and resolves with the first argument of the answer; rejects on a time-out and on a disconnection. */
  emitWithAck<Ev extends EventNames<EmitEvents>>(
    ev: Ev,
    ...args: AllButLast<EventParams<EmitEvents, Ev>>
  ): Promise<FirstArg<Last<EventParams<EmitEvents, Ev>>>>;
  emitWithAck(...args: any[]): Promise<any> {
    return promise(this, args);
  }

  private packet(packet: Partial<Packet>): void {
    packet.nsp = this.nsp;
    this.io._packet(packet);
  }

  private $transmit(packet: Partial<Packet>): void {
    callAll(this, this._anyOutgoingListeners, packet.data!);
    this.packet(packet);
  }

  private onopen(): void {
    const connect = (data: any) =>
      this.packet({ type: CONNECT, data: this._pid ? { pid: this._pid, offset: this._lastOffset, ...data } : data });
    if (typeof this.auth == "function") this.auth(connect);
    else connect(this.auth);
  }

  private onclose(reason: string, description?: DisconnectDescription): void {
    this.connected = false;
    this.id = undefined;
    this.receiveBuffer = [];
    this.$emit("disconnect", reason as Socket.DisconnectReason, description);
    // Nobody will answer any more, but for what was not sent yet.
    for (const id in this.acks) {
      if (!this.sendBuffer.some((packet) => packet.id == (id as any))) fail(this, id, new Error("socket has been disconnected"));
    }
  }

  private onpacket(packet: Packet): void {
    const { nsp, type, data, id } = packet;
    if (nsp != this.nsp) return;
    if (type == CONNECT) {
      if (data?.sid) this.$onConnect(data);
      else this.$emit("connect_error", new Error("the server speaks Socket.IO 2"));
      // Another parser may keep the binary types, which are three more.
    } else if (type % 3 == EVENT) this.onevent(packet);
    else if (type % 3 == 0) {
      const ack = this.acks[id!];
      delete this.acks[id!];
      if (ack) ack.apply(this, ack.$withError ? [null, ...(data || [])] : data);
    } else {
      this.destroy();
      if (type == DISCONNECT) this.onclose("io server disconnect");
      else this.$emit("connect_error", Object.assign(new Error(data.message ?? data), { data: data.data }));
    }
  }

  /** An event; applications replace this method to see every packet. */
  private onevent({ data = [], id }: Packet): void {
    if (id != null) data.push(this.$ack(id));
    if (this.connected) this.$deliver(data);
    else this.receiveBuffer.push(data);
  }

  private $deliver(args: any[]): void {
    callAll(this, this._anyListeners, args);
    this.$emit(...(args as [any]));
    const last = args[args.length - 1];
    if (this._pid && typeof last == "string") this._lastOffset = last;
  }

  /** The function that answers an event, once. */
  private $ack(id: number): Listener {
    let sent = false;
    return (...data) => {
      if (!sent) this.packet({ type: ACK, id, data });
      sent = true;
    };
  }

  private $onConnect({ sid, pid }: any): void {
    this.id = sid;
    this.recovered = !!pid && this._pid == pid;
    this._pid = pid;
    this.connected = true;
    for (const args of this.receiveBuffer.splice(0)) this.$deliver(args);
    for (const packet of this.sendBuffer.splice(0)) this.$transmit(packet);
    drain(this, true);
    this.$emit("connect");
  }

  private destroy(): void {
    this.subs?.();
    this.subs = undefined;
    this.receiveBuffer = [];
    this.io._destroy();
  }

  /** Leaves the namespace; the connection closes when no other uses it. There will be no reconnection. */
  disconnect(): this {
    if (this.connected) this.packet({ type: DISCONNECT });
    this.destroy();
    if (this.connected) this.onclose("io client disconnect");
    return this;
  }

  /** Whether the next event may be compressed. */
  compress(compress: boolean): this {
    this.flags.compress = compress;
    return this;
  }

  /** The next event is dropped where it cannot be sent at once. */
  get volatile(): this {
    this.flags.volatile = true;
    return this;
  }

  /** The next event's acknowledgement is called with an error when the answer takes longer, in milliseconds. */
  timeout(timeout: number): Socket<ListenEvents, DecorateAcknowledgements<EmitEvents>> {
    this.flags.timeout = timeout;
    return this as any;
  }

  /**
   * Lets the next `emitWithAck` be given up: its promise rejects with the reason of the signal, and if the event was not sent yet
   * it never is.
   */
  signal(signal: AbortSignal): this {
    this.flags.signal = signal;
    return this;
  }
}

export namespace Socket {
  export type DisconnectReason =
    | "io server disconnect"
    | "io client disconnect"
    | "ping timeout"
    | "transport close"
    | "transport error"
    | "parse error";
}

const proto: any = Socket.prototype;
proto.open = proto.connect;
proto.close = proto.disconnect;
addCatchAll(proto);
