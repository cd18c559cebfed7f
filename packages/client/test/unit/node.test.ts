/** What the build for Node does without a network. */
import assert from "node:assert/strict";
import { test } from "node:test";
import "../../src/node.js";
import type { Packet } from "../../src/packet.js";
import { WS } from "../../src/transports/index.js";

/** Whether each of the packets may be compressed. */
function compressed(packets: Packet[], opts: any = {}): (boolean | undefined)[] {
  const found: (boolean | undefined)[] = [];
  const ws = { send: (_frame: any, options: any) => found.push(options.compress) };
  (WS.prototype as any).write.call({ opts, ws, $onDrain() {} }, packets);
  return found;
}

test("what_has_no_data_is_not_worth_compressing", () => {
  const packets = (): Packet[] => ["x".repeat(2000), undefined, "", new Uint8Array(2000)].map((data) => ({ type: "message", data, options: { compress: true } }));
  assert.deepEqual(compressed(packets()), [true, false, false, true]);
  assert.deepEqual(compressed(packets(), { perMessageDeflate: { threshold: 0 } }), [true, true, true, true]);
});
