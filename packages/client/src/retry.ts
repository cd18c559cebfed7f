/**
 * The option `retries`: events go out one at a time, each again until it is acknowledged or has had its tries.
 *
 * Promises: the order holds; an event is delivered at least once or its acknowledgement gets the error of the last try; what
 * was under way when the connection broke is sent again at the next CONNECT.
 */
import { add, drop } from "./buffer.js";
import { unique } from "./url.js";

export interface Flags {
  compress?: boolean;
  volatile?: boolean;
  timeout?: number;
  signal?: AbortSignal;
  $fromQueue?: boolean;
}

export interface QueuedPacket {
  args: any[];
  flags: Flags;
  pending: boolean;
  $tryCount: number;
  $ack?: (...args: any[]) => void;
}

/** Queues an event of a `Socket`, given as its name and arguments, and its acknowledgement. */
export function enqueue(socket: any, args: any[], $ack: QueuedPacket["$ack"], flags: Flags): void {
  const { _queue: queue, _opts: opts } = socket;
  const packet: QueuedPacket = { args, flags: { ...flags, $fromQueue: true }, pending: false, $tryCount: 0, $ack };
  const key = opts.idempotencyKey;
  if (key) args.push(key.call ? key(...args) : unique());
  if (!add(socket, queue, packet, args)) return drop(socket, packet);
  const ack = (err: Error | null, ...answer: any[]) => {
    // Else it is a late answer to an earlier try.
    if (packet == queue[0]) {
      packet.pending = false;
      if (!err || packet.$tryCount > opts.retries) {
        queue.shift();
        $ack?.(err, ...answer);
      }
      drain(socket);
    }
  };
  ack.$withError = true;
  args.push(ack);
  drain(socket);
  socket.$last = packet;
}

/** Sends the first event of the queue, unless it is under way; with `force` also then. */
export function drain(socket: any, force?: boolean): void {
  const packet: QueuedPacket | undefined = socket._queue[0];
  if (socket.connected && packet && (force || !packet.pending)) {
    packet.pending = true;
    packet.$tryCount++;
    socket.flags = packet.flags;
    socket.emit(...packet.args);
  }
}
