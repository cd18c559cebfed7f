/** How long to wait before the next attempt to reconnect: exponential, with jitter, and with a ceiling. */

/**
 * Milliseconds before attempt number `attempts` (from 0): `min` doubled every time, moved up or down at random by at most
 * `jitter` of itself, at most `max`.
 */
export function backoff(attempts: number, min: number, max: number, jitter: number): number {
  return Math.min(min * 2 ** attempts * (1 + jitter * (2 * Math.random() - 1)), max) | 0;
}
