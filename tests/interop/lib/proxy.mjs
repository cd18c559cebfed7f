// A network between client and server whose connections can be cut.

import { once } from "node:events";
import { connect, createServer } from "node:net";

/** A way to the server on 127.0.0.1 that leads over a port of its own. */
export async function through(port) {
  const pairs = new Set();
  const listener = createServer((near) => {
    const far = connect(port, "127.0.0.1");
    const pair = { near, far };
    pairs.add(pair);
    far.on("connect", () => {
      near.pipe(far);
      far.pipe(near);
    });
    const forget = () => near.destroyed && far.destroyed && pairs.delete(pair);
    for (const [one, other] of [
      [near, far],
      [far, near],
    ]) {
      one.on("error", () => {});
      one.on("close", () => {
        if (!pair.deaf) other.destroy();
        forget();
      });
    }
  }).listen(0, "127.0.0.1");
  await once(listener, "listening");
  return {
    url: `http://127.0.0.1:${listener.address().port}`,
    /** Ends all connections, for both sides. */
    cut() {
      for (const { near } of pairs) near.destroy();
    },
    /** Ends them for the client alone: the server is told nothing, and nothing that it sends arrives. */
    lose() {
      for (const pair of pairs) {
        pair.deaf = true;
        pair.far.unpipe(pair.near);
        pair.far.resume();
        pair.near.unpipe(pair.far);
        pair.near.destroy();
      }
    },
    /** Ends everything. */
    async close() {
      for (const { near, far } of pairs) {
        near.destroy();
        far.destroy();
      }
      listener.close();
      await once(listener, "close");
    },
  };
}
