#!/usr/bin/env node
import { constants } from "node:os";
import { holdProcess } from "../lib/time.js";

const EXIT_SIGNAL = 128;
const SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"] as const;
const { stdout, stderr } = process;

// First of all: process 1 ignores a signal that it has no listener for, and loading the program takes a while.
for (const signal of SIGNALS) {
  process.on(signal, () => {
    // A command that listens too ends in its own way.
    if (process.listenerCount(signal) === 1) process.exit(EXIT_SIGNAL + constants.signals[signal]);
  });
}

let stoppedBy: (typeof SIGNALS)[number] | undefined;
const untilStopped = (): Promise<void> =>
  new Promise((resolve) => {
    const stop = (signal: (typeof SIGNALS)[number]): void => {
      stoppedBy = signal;
      // Another signal ends the command at once.
      for (const name of SIGNALS) process.off(name, stop);
      resolve();
    };
    for (const name of SIGNALS) process.on(name, stop);
  });

const { run } = require("./cli-program.cjs") as typeof import("./program.js");

holdProcess(run(process.argv.slice(2), { stdout, stderr, untilStopped })).then((code) => {
  // At once: a request to a cloud that does not answer would hold the process until its time limit.
  process.exit(code === 0 && stoppedBy ? EXIT_SIGNAL + constants.signals[stoppedBy] : code);
});
