import type { AwsSession, FromGkeWorkloadIdentityInit } from "../../index.js";
import { type Names, refuseUnknownOptions } from "../lib/refuse-unknown.js";
import { createFakeFailures, type FakeFailures } from "./fake-failures.js";

/** What the role assumer is asked: the parameters of AssumeRoleWithWebIdentity. */
export type FakeRoleAssumerCall = Parameters<NonNullable<FromGkeWorkloadIdentityInit["roleAssumerWithWebIdentity"]>>[0];

/** Options of {@link fakeRoleAssumer}. */
export interface FakeRoleAssumerOptions {
  /** Life of a session in seconds. Default: what is asked for, else 3600. */
  readonly lifetimeSeconds?: number | undefined;
}

const OPTIONS: Names<FakeRoleAssumerOptions> = { lifetimeSeconds: true };

/** A role assumer without a network, which remembers its calls. */
export interface FakeRoleAssumer extends FakeFailures {
  (params: FakeRoleAssumerCall): Promise<AwsSession>;
  /** What it was asked, in order. */
  readonly calls: readonly FakeRoleAssumerCall[];
}

/**
 * A `roleAssumerWithWebIdentity` for unit tests: sessions whose access key id counts up, `ASIAFAKE000000000001` first.
 *
 * To fail as STS does, give `failWith` an error whose `name` is STS's code:
 * `failWith(Object.assign(new Error("Not authorized"), { name: "AccessDenied" }), { times: 1 })`.
 */
export function fakeRoleAssumer(options: FakeRoleAssumerOptions = {}): FakeRoleAssumer {
  refuseUnknownOptions("fakeRoleAssumer", options, OPTIONS);
  const calls: FakeRoleAssumerCall[] = [];
  const { failures, throwFailure } = createFakeFailures();
  const assume = async (params: FakeRoleAssumerCall): Promise<AwsSession> => {
    calls.push(params);
    throwFailure();
    const seconds = options.lifetimeSeconds ?? params.DurationSeconds ?? 3600;
    const number = String(calls.length).padStart(12, "0");
    return {
      accessKeyId: `ASIAFAKE${number}`,
      secretAccessKey: `fake-secret-access-key-${number}`,
      sessionToken: `fake-session-token-${number}`,
      expiration: new Date(Date.now() + seconds * 1000),
      accountId: params.RoleArn.split(":")[4] ?? "",
    };
  };
  return Object.assign(assume, { calls, ...failures });
}
