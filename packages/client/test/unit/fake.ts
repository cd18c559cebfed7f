/** A transport that the test plays: it records what is sent and says what is received. */
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

/** Lets the microtasks run. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve();
}

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
