import type { AwsSession, FromGkeWorkloadIdentityInit } from "../../index.js";
import { createFaultQueue } from "../lib/faults.js";

/** What the role assumer is asked: the parameters of AssumeRoleWithWebIdentity. */
export type FakeRoleAssumerCall = Parameters<NonNullable<FromGkeWorkloadIdentityInit["roleAssumerWithWebIdentity"]>>[0];

/** Options of {@link fakeRoleAssumer}. */
export interface FakeRoleAssumerOptions {
  /** Life of a session in seconds. Default: what is asked for, else 3600. */
  readonly lifetimeSeconds?: number | undefined;
}

/** A role assumer without a network, which remembers its calls. */
export interface FakeRoleAssumer {
  (params: FakeRoleAssumerCall): Promise<AwsSession>;
  /** What it was asked, in order. */
  readonly calls: readonly FakeRoleAssumerCall[];
  /** Makes the next call, or the next `times` calls, fail. */
  readonly failWith: (error: unknown, times?: number) => void;
}

/**
 * A `roleAssumerWithWebIdentity` for unit tests: sessions whose access key id counts up, `ASIAFAKE000000000001` first.
 *
 * To fail as STS does, give `failWith` an error whose `name` is STS's code:
 * `failWith(Object.assign(new Error("Not authorized"), { name: "AccessDenied" }))`.
 */
export function fakeRoleAssumer(options: FakeRoleAssumerOptions = {}): FakeRoleAssumer {
  const calls: FakeRoleAssumerCall[] = [];
  const failures = createFaultQueue<{ readonly error: unknown }>();
  const assume = async (params: FakeRoleAssumerCall): Promise<AwsSession> => {
    calls.push(params);
    const failure = failures.next();
    if (failure) throw failure.error;
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
  const failWith = (error: unknown, times = 1): void => failures.inject({ error }, { times });
  return Object.assign(assume, { calls, failWith });
}
