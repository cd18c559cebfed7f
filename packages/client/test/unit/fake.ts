/** A transport that the test plays: it records what is sent and says what is received. */
import { afterEach, beforeEach, mock } from "node:test";
import { Manager } from "../../src/manager.js";
import { decodePacket, encodePacket, type Packet } from "../../src/packet.js";
import { Transport, type TransportOptions } from "../../src/transport.js";

export class FakeTransport extends Transport {
  /** All that were made since `reset`, oldest first. */
  static all: FakeTransport[] = [];
  static get last(): FakeTransport {
    return FakeTransport.all[FakeTransport.all.length - 1];
  }
  static reset(): void {
    FakeTransport.all = [];
  }

  /** Every frame, as on the wire. */
  sent: any[] = [];
  /** The frames of each `send`. */
  batches: any[][] = [];
  closed = 0;
  /** Whether `send` is done at once; otherwise the test calls `drain`. */
  autoDrain = true;

  constructor(opts: TransportOptions) {
    super(opts);
    FakeTransport.all.push(this);
  }

  get name(): string {
    return "fake";
  }
  protected doOpen(): void {}
  protected doClose(): void {
    this.closed++;
  }
  protected write(packets: Packet[]): void {
    const frames = packets.map((packet) => encodePacket(packet, true));
    this.batches.push(frames);
    this.sent.push(...frames);
    if (this.autoDrain) queueMicrotask(() => this.drain());
  }

  drain(): void {
    this.$onDrain();
  }
  /** The connection stands. */
  opened(): void {
    this.onOpen();
  }
  /** A frame arrives. */
  receive(...frames: any[]): void {
    for (const frame of frames) this.onPacket(decodePacket(frame));
  }
  /** Connection and handshake. */
  handshake(data: object = {}): void {
    this.opened();
    this.receive("0" + JSON.stringify({ sid: "engine-id", upgrades: [], pingInterval: 300, pingTimeout: 200, maxPayload: 1e6, ...data }));
  }
  fail(message = "it broke"): void {
    this.onError(message, 0);
  }
  lose(): void {
    this.onClose({ description: "gone" });
  }
}

/** Has each test of a file begin without transports, and at a time that it moves itself. */
export function faked(): void {
  beforeEach(() => {
    FakeTransport.reset();
    mock.timers.enable({ apis: ["setTimeout", "Date"] });
  });
  afterEach(() => mock.timers.reset());
}

/** Lets the microtasks run. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve();
}

/** Delays without chance: 100 ms, then twice as long each time. */
export const fixed = { randomizationFactor: 0, reconnectionDelay: 100 };

/** A manager on fake transports. */
export function fakeManager(opts: any = {}): Manager {
  return new Manager("http://localhost:1", { transports: [FakeTransport], ...opts } as any);
}

/** A manager whose first connection has just been opened, with the socket of a namespace on it. */
export async function connected(opts: any = {}, nsp = "/", socketOpts: any = {}, sid = "id-1") {
  FakeTransport.reset();
  const manager = fakeManager(opts);
  const socket = manager.socket(nsp, socketOpts);
  const transport = FakeTransport.last;
  transport.handshake();
  transport.receive("40" + (nsp == "/" ? "" : nsp + ",") + JSON.stringify({ sid }));
  await settle();
  transport.sent.length = transport.batches.length = 0;
  return { manager, socket, transport };
}

/** The connection is made again and the namespace joined. */
export async function reconnect(connect = '40{"sid":"id-2"}') {
  mock.timers.tick(100);
  FakeTransport.last.handshake();
  FakeTransport.last.sent.length = 0;
  FakeTransport.last.receive(connect);
  await settle();
  return FakeTransport.last;
}

const EVENTS = ["open", "error", "close", "reconnect_attempt", "reconnect", "reconnect_error", "reconnect_failed"] as const;

/** What a manager says of its connection, as it comes; of an error the message. */
export function record(manager: Manager): any[][] {
  const log: any[][] = [];
  for (const event of EVENTS) manager.on(event as any, (arg: any) => log.push([event, arg?.message ?? arg]));
  return log;
}
