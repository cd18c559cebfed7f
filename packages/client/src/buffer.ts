/**
 * The bound of what waits to be sent (options `bufferLimit` and `bufferPolicy`).
 *
 * Promises: what waits never takes more than the limit; an event that is dropped tells its acknowledgement, where that takes
 * errors; an event that is under way is not dropped.
 */
import { fail } from "./acks.js";
import { sizeOf } from "./packet.js";
import { EVENT } from "./protocol.js";

export const overflow = (): Error => new Error("too much is waiting to be sent");

/**
 * Whether an event may be added to one of a socket's queues, after the oldest have made room where the policy says so. Throws
 * where it says that.
 */
export function fits(socket: any, queue: any[], item: any, data: any[]): boolean {
  const { bufferLimit, bufferPolicy } = socket._opts;
  if (bufferLimit == null) return true;
  item.$size = socket.io.encoder
    .encode({ type: EVENT, nsp: socket.nsp, data })
    .reduce((sum: number, part: any) => sum + sizeOf(part), 0);
  let excess = queue.reduce((sum, { $size }) => sum + $size, item.$size - bufferLimit);
  // What is larger than the limit alone pushes nothing out.
  if (bufferPolicy == "drop-oldest" && item.$size <= bufferLimit) {
    for (const victim of queue.slice()) {
      if (excess > 0 && !victim.pending) {
        excess -= victim.$size;
        queue.splice(queue.indexOf(victim), 1);
        victim.$ack ? victim.$ack(overflow()) : fail(socket, victim.id, overflow());
      }
    }
  }
  if (excess > 0 && !bufferPolicy) throw overflow();
  return excess <= 0;
}
