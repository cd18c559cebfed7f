/**
 * HTTP long-polling on `fetch`: one GET is always pending, one POST at most is under way.
 *
 * Promises: a POST carries whole packets in the order of `send`; closing an open session tells the server, closing one that is
 * still opening abandons the request; no request outlives the transport but the one that says goodbye.
 */
import { hintOf } from "../hints.js";
import { decodePayload, encodePayload, type Packet } from "../packet.js";
import { later, platform } from "../platform.js";
import { Transport } from "../transport.js";

export class Polling extends Transport {
  /** The pending GET. */
  private declare $poll?: AbortController;
  /** Whom to tell that nothing is under way. */
  private declare $paused: () => void;

  get name(): string {
    return "polling";
  }

  protected doClose(): void {
    const abort = () => this.$poll?.abort();
    // A server that has answered the goodbye has ended the GET too; one that could not be reached never will.
    if (this.readyState == "opening") abort();
    else this.$request("1", abort, abort);
  }

  protected write(packets: Packet[]): void {
    this.$request(encodePayload(packets), () => this.$onDrain());
  }

  override pause(done: () => void): void {
    this.readyState = "pausing";
    this.$paused = done;
    this.$checkPaused();
  }

  override resume(): void {
    this.readyState = "open";
    if (!this.$poll) this.doOpen();
  }

  private $checkPaused(): void {
    if (this.readyState == "pausing" && !this.$poll && this.writable) {
      this.readyState = "paused";
      this.$paused();
    }
  }

  protected override $onDrain(): void {
    super.$onDrain();
    this.$checkPaused();
  }

  /** Opens by a first poll; those that follow are no different. */
  protected doOpen(): void {
    this.$poll = this.$request(undefined, (text) => this.$onData(text));
    this.$emit("poll");
  }

  private $onData(payload: string): void {
    for (const packet of decodePayload(payload)) {
      // An OPEN packet, `$request` has seen to that.
      if (this.readyState == "opening") this.onOpen();
      this.onPacket(packet);
      // Closed by a listener or by a packet that cannot be read, or about to be by the server: the rest does not count.
      if ((this.readyState as string) == "closed" || packet.type == "close") return;
    }
    this.$poll = undefined;
    this.$emit("pollComplete");
    if (this.readyState == "open") this.doOpen();
    else this.$checkPaused();
  }

  private $request(
    body: string | undefined,
    done: (text: string) => void,
    failed = (response: any) =>
      this.onError("xhr " + (body ? "post" : "poll") + " error", response.status, response, hintOf(response)),
  ): AbortController {
    const { opts } = this;
    const abort = new AbortController();
    const cancel: any = opts.requestTimeout && later(this, () => abort.abort(), opts.requestTimeout);
    platform
      .$fetch(
        this.$uri("http", opts.timestampRequests !== false),
        {
          method: body ? "POST" : "GET",
          body,
          headers: opts.extraHeaders,
          credentials: opts.withCredentials ? "include" : undefined,
          keepalive: body == "1",
          signal: abort.signal,
        },
        opts,
      )
      .then(async (response: any) => {
        response.responseText = await response.text();
        return response;
      })
      // What a request looks like that has no answer.
      .catch((statusText) => ({ status: 0, statusText, responseText: "" }))
      .finally(cancel)
      .then((response) => {
        response.readyState = 4;
        // The first answer is an OPEN packet, or it comes from somebody else.
        if (response.ok && (this.readyState != "opening" || response.responseText[0] == "0")) done(response.responseText);
        else failed(response);
      });
    return abort;
  }
}
