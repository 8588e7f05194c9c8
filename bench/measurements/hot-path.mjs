import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { fromGkeWorkloadIdentity } from "gke-aws-credentials";
import { fakeIdTokenProvider, fakeRoleAssumer } from "gke-aws-credentials/testing";
import { stopwatch } from "../lib/clock.mjs";
import { region, roleArn } from "../lib/clouds.mjs";
import { median, round } from "../lib/statistics.mjs";

const CALLS = 300_000;
const ROUNDS = 11;
const SIGNED = 1_500;

async function timeOf(call, times) {
  const start = stopwatch();
  for (let done = 0; done < times; done += 1) await call();
  return (stopwatch() - start) / times;
}

async function bytesOf(call) {
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  const times = 20_000;
  for (let done = 0; done < times; done += 1) await call();
  return (process.memoryUsage().heapUsed - before) / times;
}

/** A client whose requests are signed and answered without a network. */
function signedRequests(credentials) {
  const body = `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult/></GetCallerIdentityResponse>`;
  const { Readable } = process.getBuiltinModule("node:stream");
  const handle = async () => ({
    response: { statusCode: 200, headers: { "content-type": "text/xml" }, body: Readable.from([Buffer.from(body)]) },
  });
  const client = new STSClient({ region, credentials, requestHandler: { handle } });
  return () => client.send(new GetCallerIdentityCommand({}));
}

export default async function measure() {
  const provider = fromGkeWorkloadIdentity({
    roleArn,
    idTokenProvider: fakeIdTokenProvider(),
    roleAssumerWithWebIdentity: fakeRoleAssumer(),
  });
  const session = await provider();
  const fixed = async () => session;

  const nanoseconds = { provider: [], fixed: [] };
  const perSecond = { provider: [], fixed: [] };
  const sendOurs = signedRequests(provider);
  const sendFixed = signedRequests({ ...session, expiration: undefined });
  await timeOf(provider, CALLS);
  await timeOf(fixed, CALLS);
  await timeOf(sendOurs, SIGNED);
  await timeOf(sendFixed, SIGNED);
  for (let turn = 0; turn < ROUNDS; turn += 1) {
    nanoseconds.provider.push((await timeOf(provider, CALLS)) * 1e6);
    nanoseconds.fixed.push((await timeOf(fixed, CALLS)) * 1e6);
    // In alternating order, so that neither always comes first.
    const order =
      turn % 2
        ? [
            ["provider", sendOurs],
            ["fixed", sendFixed],
          ]
        : [
            ["fixed", sendFixed],
            ["provider", sendOurs],
          ];
    for (const [name, send] of order) perSecond[name].push(1_000 / (await timeOf(send, SIGNED)));
  }
  const ratios = perSecond.provider.map((value, index) => value / perSecond.fixed[index]);
  return {
    title: "The hot path: credentials from the cache",
    columns: ["", "gke-aws-credentials", "static credentials", "ratio"],
    rows: [
      [
        "ns per call (an async function that returns a constant is the static one)",
        round(median(nanoseconds.provider), 0),
        round(median(nanoseconds.fixed), 0),
        round(median(nanoseconds.provider) / median(nanoseconds.fixed), 2),
      ],
      ["bytes allocated per call", round(await bytesOf(provider), 0), round(await bytesOf(fixed), 0), ""],
      [
        "signed requests per second",
        round(median(perSecond.provider), 0),
        round(median(perSecond.fixed), 0),
        round(median(ratios), 3),
      ],
    ],
    note: `Medians of ${ROUNDS} rounds, in alternating order; the last ratio is the median of each round's ratio.`,
  };
}
