/**
 * `emitWithAck`, with or without an `AbortSignal`.
 *
 * Promises: it settles once; after the signal nothing of the event is left, and what was not sent never is; the signal is not
 * listened to any longer than needed.
 */
import type { Ack } from "./acks.js";
import { remove } from "./lists.js";
import { listen } from "./emitter.js";
import { drain, type Flags } from "./retry.js";

/** Emits an event of a `Socket` and promises the first argument of the answer. */
export function promise(socket: any, args: any[]): Promise<any> {
  const { signal }: Flags = socket.flags;
  let off: (() => void) | undefined;
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      socket.flags = {};
      throw signal.reason;
    }
    let packet: any = {};
    off = listen(signal, {
      abort: () => {
        reject(signal!.reason);
        remove(socket.sendBuffer, packet);
        remove(socket._queue, packet);
        delete socket.acks[packet.id];
        drain(socket);
      },
    });
    const ack: Ack = (err, value) => (err ? reject(err) : resolve(value));
    ack.$withError = true;
    socket.emit(...args, ack);
    packet = socket.$last;
    // However it ends, also where `emit` throws.
  }).finally(off);
}
