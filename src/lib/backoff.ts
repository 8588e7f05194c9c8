export interface BackoffInit {
  /** The ceiling before the second try; it doubles with each failure. */
  readonly firstMs: number;
  readonly maxMs: number;
  /** No wait is shorter. Default: 0. */
  readonly leastMs?: number;
}

/**
 * How long to wait after `failures` failures in a row: exponential, with full jitter.
 *
 * @see https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export function backoffMs(failures: number, { firstMs, maxMs, leastMs = 0 }: BackoffInit): number {
  // Past 2^20 the ceiling is `maxMs` in any case.
  const ceiling = Math.min(maxMs, firstMs * 2 ** Math.min(Math.max(failures - 1, 0), 20));
  return Math.max(leastMs, Math.random() * ceiling);
}
