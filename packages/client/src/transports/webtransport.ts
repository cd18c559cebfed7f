/**
 * WebTransport (HTTP/3): one bidirectional stream of frames, opened by an OPEN packet, which names the session in an upgrade.
 *
 * Promises: packets leave in the order of `send`, and are handed over one batch at a time, as fast as the stream takes them; the end
 * of the stream is the end of the transport.
 */
import { encodeFrame, readFrames } from "../frames.js";
import { decodePacket, encodePacket, type Packet } from "../packet.js";
import { Transport } from "../transport.js";

export class WT extends Transport {
  private declare $session: any;
  private declare $writer: any;

  get name(): string {
    return "webtransport";
  }

  protected doOpen(): void {
    this.$run().catch(this.$over);
  }

  /** However a session ends, it is told once. */
  private readonly $over = (err?: unknown): void => {
    if (this.readyState == "closed") return;
    if (err) this.$fail(err);
    else this.$end();
  };

  private async $run(): Promise<void> {
    // Always by TLS, and without a query: the session's id is in the OPEN packet.
    const session = (this.$session = new (WebTransport as any)(
      this.$uri("http").replace(/s?(:.*)\?.*/, "s$1"),
      this.opts.transportOptions?.webtransport,
    ));
    session.closed.then(() => this.$over(), this.$over);
    await session.ready;
    const { readable, writable } = await session.createBidirectionalStream();
    const reader = readable.getReader();
    this.$writer = writable.getWriter();
    const { sid } = this.query;
    await this.$writer.write(encodeFrame("0" + (sid ? JSON.stringify({ sid }) : "")));
    // Closed meanwhile.
    if (this.readyState != "opening") return;
    this.onOpen();
    await readFrames(
      async () => (await reader.read()).value,
      (packet) => this.onPacket(decodePacket(packet)),
    );
    this.doClose();
    this.$over();
  }

  protected write(packets: Packet[]): void {
    Promise.all(packets.map((packet) => this.$writer.write(encodeFrame(encodePacket(packet, true))))).then(
      () => this.$onDrain(),
      this.$over,
    );
  }

  protected doClose(): void {
    this.$session?.close();
  }
}
