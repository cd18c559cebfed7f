/** How long to wait before the next attempt to reconnect: exponential, with jitter, and with a ceiling. */

/**
 * Milliseconds before attempt number `attempts` (from 0): `min` doubled every time, moved up or down at random by at most
 * `jitter` of itself, at most `max`.
 */
export function backoff(attempts: number, min: number, max: number, jitter: number): number {
  let delay = min * 2 ** attempts;
  if (jitter) {
    const random = Math.random();
    const deviation = Math.floor(random * jitter * delay);
    // One draw gives both: the parity of its first digit is the sign.
    delay += Math.floor(random * 10) & 1 ? deviation : -deviation;
  }
  return Math.min(delay, max) | 0;
}
