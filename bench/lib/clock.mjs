// Moves the clocks of this process on, so that an hour of a session takes no hour. Timers stay real.
const RealDate = globalThis.Date;
const monotonic = performance.now.bind(performance);
let offset = 0;

globalThis.Date = class extends RealDate {
  constructor(...args) {
    if (args.length === 0) super(RealDate.now() + offset);
    else super(...args);
  }
  static now() {
    return RealDate.now() + offset;
  }
};
performance.now = () => monotonic() + offset;

/** @param {number} ms */
export const moveOn = (ms) => {
  offset += ms;
};

/** Milliseconds that really passed: what a stopwatch shows. */
export const stopwatch = monotonic;
