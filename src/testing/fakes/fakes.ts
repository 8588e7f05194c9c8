import type { AwsSession, FromGkeWorkloadIdentityInit, IdTokenProvider } from "../../index.js";
import { createFaultQueue, type FaultOptions } from "../lib/faults.js";
import { EXAMPLE_ACCOUNT, encodeJwt, googleClaims } from "../lib/id-token.js";
import { refuseUnknownOptions } from "../lib/refuse-unknown.js";

/** How the fakes are made to fail: as the testing servers are, with an error in place of a fault. */
export interface FakeFailures {
  /** Makes calls fail, from the next one on: all of them until `clearFaults()`, or the next `times`. */
  readonly failWith: (error: unknown, options?: FaultOptions) => void;
  /** Ends all failures. */
  readonly clearFaults: () => void;
}

/** The two functions for the user, and the one that a fake calls first. */
function createFakeFailures() {
  const queue = createFaultQueue<{ readonly kind: "error"; readonly error: unknown }>({ error: ["error"] });
  const failures: FakeFailures = {
    failWith: (error, options) => queue.injectFault({ kind: "error", error }, options),
    clearFaults: queue.clearFaults,
  };
  const throwFailure = (): void => {
    const failure = queue.next();
    if (failure) throw failure.error;
  };
  return { failures, throwFailure };
}

/** Options of {@link fakeIdTokenProvider}. */
export interface FakeIdTokenProviderOptions {
  /** Claims over the usual ones. */
  readonly claims?: Readonly<Record<string, unknown>> | undefined;
  /** Life of a token in seconds. Default: 3600. */
  readonly lifetimeSeconds?: number | undefined;
}

/** A provider of ID tokens without a network, which remembers what it was asked for. */
export interface FakeIdTokenProvider extends IdTokenProvider, FakeFailures {
  /** The audiences asked for, in order. */
  readonly audiences: readonly string[];
}

/**
 * An `idTokenProvider` for unit tests: tokens with Google's claims and a signature that nobody accepts.
 *
 * @example
 * ```ts
 * import { fromGkeWorkloadIdentity } from "gke-aws-credentials";
 * import { fakeIdTokenProvider, fakeRoleAssumer } from "gke-aws-credentials/testing";
 *
 * const provider = fromGkeWorkloadIdentity({
 *   roleArn: "arn:aws:iam::123456789012:role/reader",
 *   idTokenProvider: fakeIdTokenProvider(),
 *   roleAssumerWithWebIdentity: fakeRoleAssumer(),
 * });
 * ```
 */
export function fakeIdTokenProvider(options: FakeIdTokenProviderOptions = {}): FakeIdTokenProvider {
  refuseUnknownOptions("fakeIdTokenProvider", options, ["claims", "lifetimeSeconds"]);
  const { claims, lifetimeSeconds } = options;
  const audiences: string[] = [];
  const { failures, throwFailure } = createFakeFailures();
  return {
    audiences,
    ...failures,
    fetchIdToken: async (audience) => {
      audiences.push(audience);
      throwFailure();
      const payload = { ...googleClaims(EXAMPLE_ACCOUNT, lifetimeSeconds), aud: audience, ...claims };
      return encodeJwt({ alg: "RS256", kid: "fake", typ: "JWT" }, payload, { fake: true });
    },
  };
}

/** What the role assumer is asked: the parameters of AssumeRoleWithWebIdentity. */
export type FakeRoleAssumerCall = Parameters<NonNullable<FromGkeWorkloadIdentityInit["roleAssumerWithWebIdentity"]>>[0];

/** Options of {@link fakeRoleAssumer}. */
export interface FakeRoleAssumerOptions {
  /** Life of a session in seconds. Default: what is asked for, else 3600. */
  readonly lifetimeSeconds?: number | undefined;
}

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
  refuseUnknownOptions("fakeRoleAssumer", options, ["lifetimeSeconds"]);
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
