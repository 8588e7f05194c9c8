/** The longest delay that `setInterval` takes: one that is longer becomes 1 ms. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/**
 * Keeps the process alive until `work` settles. All other timers and sockets of this package let the process end, so
 * that a refresh in the background does not delay the end of a program. Wrap what a caller waits for in this.
 */
export async function holdProcess<T>(work: Promise<T>): Promise<T> {
  const timer = setInterval(() => {}, MAX_DELAY_MS);
  try {
    return await work;
  } finally {
    clearInterval(timer);
  }
}
