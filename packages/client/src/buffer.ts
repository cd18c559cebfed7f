/**
 * The bound of what waits to be sent (options `bufferLimit` and `bufferPolicy`).
 *
 * Promises: what waits never takes more than the limit; an event that is dropped tells its acknowledgement, where that takes
 * errors; an event that is under way is not dropped.
 */
import { fail } from "./acks.js";
import { remove } from "./lists.js";
import { sizeOf } from "./packet.js";
import { EVENT } from "./protocol.js";

/**
 * Adds an event to one of a socket's queues, after the oldest have made room where the policy says so, and says whether it
 * did. Throws where the policy says that.
 */
export function add(socket: any, queue: any[], item: any, data: any[]): unknown {
  const { bufferLimit, bufferPolicy } = socket._opts;
  if (bufferLimit == null) return queue.push(item);
  item.$size = socket.io.encoder
    .encode({ type: EVENT, nsp: socket.nsp, data })
    .reduce((sum: number, part: any) => sum + sizeOf(part), 0);
  let excess = queue.reduce((sum, { $size }) => sum + $size, item.$size - bufferLimit);
  // What is larger than the limit alone pushes nothing out.
  if (bufferPolicy == "drop-oldest" && item.$size <= bufferLimit) {
    for (const victim of queue.slice()) {
      if (excess > 0 && !victim.pending) {
        excess -= victim.$size;
        remove(queue, victim);
        drop(socket, victim);
      }
    }
  }
  if (excess <= 0) return queue.push(item);
  if (!bufferPolicy) throw overflow();
}

const overflow = () => new Error("buffer is full");

/** Tells the acknowledgement of an event that it will not be sent. */
export function drop(socket: any, { $ack, id }: any): void {
  if ($ack) $ack(overflow());
  else fail(socket, id, overflow());
}
