/**
 * Acknowledgements: who waits for an answer, for how long, and what ends the waiting without one.
 *
 * Promises: each is called at most once; one that takes an error first (`withError`) is always called.
 */
import type { Flags } from "./retry.js";

export type Ack = ((...args: any[]) => void) & { withError?: boolean };

/** Keeps an acknowledgement of a `Socket` until the answer with that id comes, or its time is over. */
export function register(socket: any, id: number, ack: Ack, flags: Flags): void {
  const { acks, io, _opts } = socket;
  const timeout = flags.timeout ?? _opts.ackTimeout;
  acks[id] = ack;
  if (timeout == null) return;
  const cancel = io.$later(() => {
    delete acks[id];
    socket.sendBuffer = socket.sendBuffer.filter((packet: any) => packet.id !== id);
    ack.call(socket, new Error("operation has timed out"));
  }, timeout);
  const withTimer: Ack = (...args) => {
    cancel();
    ack.apply(socket, args);
  };
  withTimer.withError = true;
  acks[id] = withTimer;
}

/** Ends an acknowledgement that will not be answered. */
export function fail({ acks, _opts }: any, id: any, err: Error): void {
  const ack: Ack | undefined = acks[id];
  delete acks[id];
  if (ack?.withError || (ack && _opts.ackErrors)) ack(err);
}
