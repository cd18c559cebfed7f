import assert from "node:assert/strict";
import { afterEach, mock, test } from "node:test";
import { Manager } from "../../src/manager.js";

/** The delay after so many attempts. */
function backoff(reconnectionDelayMax: number, attempts: number, reconnectionDelay: number, randomizationFactor: number): number {
  const manager: any = new Manager({ autoConnect: false, reconnectionDelay, reconnectionDelayMax, randomizationFactor });
  manager.backoff.attempts = attempts;
  return manager.backoff.duration();
}

afterEach(() => mock.restoreAll());

test("without_jitter_it_doubles_up_to_the_ceiling", () => {
  assert.deepEqual([0, 1, 2, 3, 4, 50, 2000].map((n) => backoff(5000, n, 1000, 0)), [1000, 2000, 4000, 5000, 5000, 5000, 5000]);
});

test("jitter_moves_up_or_down_and_never_above_the_ceiling", () => {
  const random = mock.method(Math, "random", () => 0.25);
  assert.equal(backoff(5000, 0, 1000, 0.5), 750);
  random.mock.mockImplementation(() => 0.75);
  assert.equal(backoff(5000, 0, 1000, 0.5), 1250);
  assert.equal(backoff(5000, 2, 1000, 0.5), 5000);
});

test("jitter_stays_in_its_range", () => {
  for (let i = 0; i < 1000; i++) {
    const delay = backoff(5000, 1, 1000, 0.5);
    assert.ok(delay >= 1000 && delay < 3000, String(delay));
  }
});
