/** The longest delay that `setTimeout` takes: one that is longer becomes 1 ms. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/**
 * Calls `work` after `ms`, unless it has been garbage collected by then. Keeps neither `work` nor the process alive.
 */
export function runLater(work: () => void, ms: number): NodeJS.Timeout {
  const reference = new WeakRef(work);
  return later(reference, Math.min(ms, MAX_DELAY_MS));
}

/** A function of its own, whose closure does not hold the work. */
const later = (reference: WeakRef<() => void>, ms: number): NodeJS.Timeout =>
  setTimeout(() => reference.deref()?.(), ms).unref();
