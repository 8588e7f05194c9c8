#!/usr/bin/env node
import module from "node:module";

// Node 22 and newer keep what they compiled for the next start; the program is a file of its own for that.
(module as { enableCompileCache?: () => unknown }).enableCompileCache?.();
const { run } = require("./program.js") as typeof import("./program.js");

const { stdout, stderr } = process;
let isStopped = false;
const untilStopped = (): Promise<void> =>
  new Promise((resolve) => {
    const stop = (): void => {
      isStopped = true;
      resolve();
    };
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.once(signal, stop);
  });

run(process.argv.slice(2), { stdout, stderr, untilStopped }).then((code) => {
  process.exitCode = code;
  // A request to a cloud that does not answer would hold the process until its time limit.
  if (isStopped) process.exit();
});
