#!/usr/bin/env node
import { constants } from "node:os";
import { holdProcess } from "../lib/time.js";
import { isTerminalClosed } from "./terminal.js";

const EXIT_SIGNAL = 128;
const EXIT_FAILURE = 1;
const SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"] as const;
const { stdout, stderr } = process;

// First of all: process 1 ignores a signal that it has no listener for, and loading the program takes a while.
for (const signal of SIGNALS) {
  process.on(signal, () => {
    // A command that listens too ends in its own way.
    if (process.listenerCount(signal) === 1) process.exit(EXIT_SIGNAL + constants.signals[signal]);
  });
}

// A line that cannot be written, because its reader is gone or the disk is full, is lost. The command goes on.
let isResultLost = false;
stdout.on("error", () => {
  isResultLost = true;
});
stderr.on("error", () => {});
// The SDK for C++ reads the two outputs of a credential_process as one JSON text.
process.removeAllListeners("warning");

let stoppedBy: (typeof SIGNALS)[number] | undefined;
const untilStopped = (onHangup?: () => void): Promise<void> =>
  new Promise((resolve) => {
    const stop = (signal: (typeof SIGNALS)[number]): void => {
      if (signal === "SIGHUP" && onHangup && !isTerminalClosed()) {
        onHangup();
        return;
      }
      stoppedBy = signal;
      // Another signal ends the command at once.
      for (const name of SIGNALS) process.off(name, stop);
      resolve();
    };
    for (const name of SIGNALS) process.on(name, stop);
  });

const { run } = require("./cli-program.cjs") as typeof import("./program.js");

const exit = (code: number): void => {
  const ending = stoppedBy ? EXIT_SIGNAL + constants.signals[stoppedBy] : isResultLost ? EXIT_FAILURE : code;
  process.exit(code === 0 ? ending : code);
};
// Right after the failure of a write is known: a request to a cloud that does not answer would hold the process.
holdProcess(run(process.argv.slice(2), { stdout, stderr, untilStopped })).then((code) => setImmediate(exit, code));
