// Both clouds in a process of their own, as in life: what they compute is not the client's time. Forked by separate-clouds.mjs.
import { moveOn } from "./clock.mjs";
import { startClouds } from "./clouds.mjs";

const started = startClouds();

const ACTIONS = {
  start: ({ environment }) => environment,
  setClock: (_, { now }) => moveOn(now - Date.now()),
  stsTakes: ({ sts }, { ms }) => sts.injectFault({ kind: "latency", ms }),
  stsCalls: ({ sts }) => sts.requests.length,
};
process.on("disconnect", () => process.exit());
process.on("message", async (message) => process.send?.({ answer: ACTIONS[message.action](await started, message) }));
