import { STSClient } from "@aws-sdk/client-sts";
import { fromGkeWorkloadIdentity } from "gke-aws-credentials";
import { fakeIdTokenProvider, fakeRoleAssumer } from "gke-aws-credentials/testing";
import { moveOn } from "../lib/clock.mjs";
import { byHand, region, roleArn } from "../lib/clouds.mjs";
import { round } from "../lib/statistics.mjs";

const CLIENTS = 10;
const MINUTES = 24 * 60;

/** Ten clients that each sign a request a minute, for a day; time is moved, calls are counted. */
async function day(makeProvider) {
  const idTokenProvider = fakeIdTokenProvider();
  const assumer = fakeRoleAssumer();
  const credentials = makeProvider(idTokenProvider, assumer);
  const clients = Array.from({ length: CLIENTS }, () => new STSClient({ region, credentials }));
  for (let minute = 0; minute < MINUTES; minute += 1) {
    await Promise.all(clients.map((client) => client.config.credentials()));
    await new Promise((resolve) => setImmediate(resolve));
    moveOn(60_000);
  }
  return { sts: assumer.calls.length, metadata: idTokenProvider.audiences.length };
}

export default async function measure() {
  const mine = await day((idTokenProvider, roleAssumerWithWebIdentity) =>
    fromGkeWorkloadIdentity({ roleArn, idTokenProvider, roleAssumerWithWebIdentity }),
  );
  const hand = await day((idTokenProvider, assumer) => byHand(idTokenProvider, assumer));
  return {
    title: `Calls of ${CLIENTS} clients in a simulated day, one request per minute each`,
    columns: ["", "gke-aws-credentials", "fromWebToken by hand", "ratio"],
    rows: [
      ["STS calls", mine.sts, hand.sts, round(hand.sts / mine.sts)],
      ["metadata calls", mine.metadata, hand.metadata, round(hand.metadata / mine.metadata)],
    ],
  };
}
