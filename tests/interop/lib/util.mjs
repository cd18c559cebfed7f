// Small things that several tests need.

import { setTimeout as sleep } from "node:timers/promises";

export { sleep };

/** Fails with `what` where a promise takes longer than `ms`. */
export function within(promise, ms, what = "the awaited thing") {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not come within ${ms} ms`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Waits until a condition holds, looking every 10 ms. */
export async function until(condition, ms, what = "the condition") {
  const deadline = Date.now() + ms;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`${what} did not hold within ${ms} ms`);
    await sleep(10);
  }
}

/** Values that come one by one, for those who wait for them in order. */
export class Inbox {
  #values = [];
  #waiting = [];
  #closed = false;

  push(value) {
    if (this.#waiting.length) this.#waiting.shift().resolve(value);
    else this.#values.push(value);
  }

  /** Nothing more will come: whoever waits gets an error. */
  close() {
    this.#closed = true;
    for (const { reject } of this.#waiting.splice(0)) reject(new Error("closed while waiting"));
  }

  /** The next value, within 5 s unless told. */
  next(ms = 5000, what = "the next value") {
    if (this.#values.length) return Promise.resolve(this.#values.shift());
    if (this.#closed) return Promise.reject(new Error(`closed while waiting for ${what}`));
    const waiter = {};
    const waiting = new Promise((resolve, reject) => Object.assign(waiter, { resolve, reject }));
    this.#waiting.push(waiter);
    // Who gives up must not take the value from the next who waits.
    const leave = () => (this.#waiting = this.#waiting.filter((other) => other !== waiter));
    return within(waiting, ms, what).finally(leave);
  }

  /** How many have come and were not taken. */
  get length() {
    return this.#values.length;
  }
}

/** Whether a packet is the profile `app`'s announcement that some other socket left. */
export const isFarewell = (packet) => /^42(\/[^,]*,)?\["left",/.test(packet);
