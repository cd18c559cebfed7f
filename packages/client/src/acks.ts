/**
 * Acknowledgements: who waits for an answer, for how long, and what ends the waiting without one.
 *
 * Promises: each is called at most once; one that takes an error first (`$withError`) is always called.
 */
import { remove } from "./lists.js";
import { later } from "./platform.js";
import type { Packet } from "./protocol.js";
import type { Flags } from "./retry.js";

export type Ack = ((...args: any[]) => void) & { $withError?: boolean };

/** Gives a packet of a `Socket` an id, and keeps its acknowledgement until the answer comes or its time is over. */
export function register(socket: any, packet: Partial<Packet>, ack: Ack, flags: Flags): void {
  const { acks, io, _opts } = socket;
  const id = (packet.id = socket.ids++);
  const timeout = flags.timeout ?? _opts.ackTimeout;
  acks[id] = ack;
  if (timeout == null) return;
  const cancel = later(io, () => {
    delete acks[id];
    remove(socket.sendBuffer, packet);
    ack.call(socket, new Error("operation has timed out"));
  }, timeout);
  const withTimer: Ack = (...args) => {
    cancel();
    ack.apply(socket, args);
  };
  withTimer.$withError = true;
  acks[id] = withTimer;
}

/** Ends an acknowledgement that will not be answered. */
export function fail({ acks, _opts }: any, id: any, err: Error): void {
  const ack: Ack | undefined = acks[id];
  delete acks[id];
  if (ack && (ack.$withError || _opts.ackErrors)) ack(err);
}
