import { STSClient } from "@aws-sdk/client-sts";
import FakeTimers from "@sinonjs/fake-timers";
import { fromGkeWorkloadIdentity } from "gke-aws-credentials";
import { fakeIdTokenProvider, fakeRoleAssumer } from "gke-aws-credentials/testing";
import { byHand, region, roleArn } from "../lib/clouds.mjs";
import { round } from "../lib/statistics.mjs";

const MINUTE = 60_000;
const LIMIT_MS = 60_000;

const PROVIDERS = {
  "gke-aws-credentials": (options) => fromGkeWorkloadIdentity(options),
  "gke-aws-credentials, keepFresh": (options) => fromGkeWorkloadIdentity({ ...options, keepFresh: true }),
  "fromWebToken by hand": ({ idTokenProvider, roleAssumerWithWebIdentity }) =>
    byHand(idTokenProvider, roleAssumerWithWebIdentity),
};

/** How STS behaves from the moment of the request on, in virtual time. */
const STS = {
  "answers in 150 ms": { ms: 150 },
  "takes 4 s": { ms: 4_000 },
  hangs: { ms: Number.POSITIVE_INFINITY },
  "answers 503 in 150 ms": { ms: 150, failure: 503 },
};

const wait = (ms) => new Promise((resolve) => ms === Number.POSITIVE_INFINITY || setTimeout(resolve, ms));

/** What one request of a service meets that has been idle since its first request, `leftMs` before that session's end. */
async function requestAfterIdleness(makeProvider, leftMs, fault) {
  const assume = fakeRoleAssumer();
  let current = { ms: 150 };
  const roleAssumerWithWebIdentity = async (params) => {
    const { ms, failure } = current;
    await wait(ms);
    if (failure) throw Object.assign(new Error("unavailable"), { $metadata: { httpStatusCode: failure } });
    return assume(params);
  };
  const options = { roleArn, idTokenProvider: fakeIdTokenProvider(), roleAssumerWithWebIdentity };
  const client = new STSClient({ region, credentials: makeProvider(options) });
  const clock = FakeTimers.install({
    toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date", "performance"],
  });
  const tick = async (ms) => {
    // The packages load in real time.
    for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    await clock.tickAsync(ms);
  };
  const first = client.config.credentials();
  let isThere = false;
  first.then(() => {
    isThere = true;
  });
  while (!isThere) await tick(10);
  const { expiration } = await first;
  while (expiration.getTime() - Date.now() > leftMs + MINUTE) await tick(MINUTE);
  await tick(expiration.getTime() - Date.now() - leftMs);

  current = fault;
  const start = performance.now();
  let outcome;
  client.config.credentials().then(
    () => {
      outcome = `${round(performance.now() - start, 0)} ms`;
    },
    () => {
      outcome = `fails after ${round(performance.now() - start, 0)} ms`;
    },
  );
  while (!outcome && performance.now() - start < LIMIT_MS) await tick(10);
  clock.uninstall();
  return outcome ?? "hangs";
}

export default async function measure() {
  const rows = [];
  for (const [moment, leftMs] of [
    ["20 s of the session left", 20_000],
    ["the session ended a minute ago", -MINUTE],
  ]) {
    for (const [name, makeProvider] of Object.entries(PROVIDERS)) {
      const cells = [];
      for (const fault of Object.values(STS)) cells.push(await requestAfterIdleness(makeProvider, leftMs, fault));
      rows.push([moment, name, ...cells]);
    }
  }
  return {
    title: "How long the first request after an idle hour waits for its credentials",
    columns: ["", "", ...Object.keys(STS).map((behaviour) => `STS ${behaviour}`)],
    rows,
    note: "In virtual time. STS answers in 150 ms until the moment of the request, then as the column says. The SDK's own cache is around the provider by hand, whose call of STS is tried once.",
  };
}
