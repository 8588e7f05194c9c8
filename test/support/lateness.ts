/**
 * How many ms later than a timer of `ms`, started with it, the work ended; negative when it ended before. A busy machine
 * delays both, so that a limit can be tight.
 */
export async function latenessOf(ms: number, work: Promise<unknown>): Promise<number> {
  const endOf = (promise: Promise<unknown>): Promise<number> => promise.then(() => performance.now());
  const timer = new Promise((resolve) => setTimeout(resolve, ms));
  const [end, timerEnd] = await Promise.all([endOf(work), endOf(timer)]);
  return end - timerEnd;
}
