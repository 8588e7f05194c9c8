import { fork } from "node:child_process";
import { once } from "node:events";
import { moveOn } from "./clock.mjs";

/** Both clouds in another process, with the environment that leads there, and one clock for both processes. */
export async function startSeparateClouds() {
  const child = fork(new URL("clouds-process.mjs", import.meta.url), { execArgv: ["--no-warnings"] });
  const ask = async (message) => {
    child.send(message);
    const [{ answer }] = await once(child, "message");
    return answer;
  };
  const setClock = () => ask({ action: "setClock", now: Date.now() });
  await setClock();
  Object.assign(process.env, await ask({ action: "start" }));
  return {
    moveOn: async (ms) => {
      moveOn(ms);
      await setClock();
    },
    stsTakes: (ms) => ask({ action: "stsTakes", ms }),
    stsCalls: () => ask({ action: "stsCalls" }),
    close: () => child.kill(),
  };
}
