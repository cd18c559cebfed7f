/**
 * The option `retries`: events go out one at a time, each again until it is acknowledged or has had its tries.
 *
 * Promises: the order holds; an event is delivered at least once or its acknowledgement gets the error of the last try; what
 * was under way when the connection broke is sent again at the next CONNECT.
 */
export interface Flags {
  compress?: boolean;
  volatile?: boolean;
  timeout?: number;
  fromQueue?: boolean;
}

export interface QueuedPacket {
  id: number;
  args: any[];
  flags: Flags;
  pending: boolean;
  tryCount: number;
}

export class RetryQueue {
  private $seq = 0;

  /** `socket` is a `Socket`: its queue, flags and options are used. */
  constructor(private readonly $socket: any) {}

  add(args: any[]): void {
    const { $socket } = this;
    const userAck = typeof args[args.length - 1] == "function" && args.pop();
    const packet: QueuedPacket = {
      id: this.$seq++,
      args,
      flags: { ...$socket.flags, fromQueue: true },
      pending: false,
      tryCount: 0,
    };
    const ack = (err: Error | null, ...answer: any[]) => {
      const queue = $socket._queue;
      // A late answer to an earlier try.
      if (packet != queue[0]) return;
      packet.pending = false;
      if (!err || packet.tryCount > $socket._opts.retries) {
        queue.shift();
        if (userAck) userAck(err, ...answer);
      }
      this.drain();
    };
    ack.withError = true;
    args.push(ack);
    $socket.flags = {};
    $socket._queue.push(packet);
    this.drain();
  }

  /** Sends the first event, unless it is under way; with `force` also then. */
  drain(force?: boolean): void {
    const { $socket } = this;
    const packet: QueuedPacket | undefined = $socket._queue[0];
    if (!$socket.connected || !packet || (packet.pending && !force)) return;
    packet.pending = true;
    packet.tryCount++;
    $socket.flags = packet.flags;
    $socket.emit(...packet.args);
  }
}
