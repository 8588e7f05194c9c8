import type { IdTokenProvider } from "../../index.js";
import { EXAMPLE_ACCOUNT, googleClaims } from "../lib/google-claims.js";
import { encodeJwtPart } from "../lib/jwt.js";
import { type Names, refuseUnknownOptions } from "../lib/refuse-unknown.js";
import { createFakeFailures, type FakeFailures } from "./fake-failures.js";

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

const OPTIONS: Names<FakeIdTokenProviderOptions> = {
  claims: true,
  lifetimeSeconds: true,
};

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
  refuseUnknownOptions("fakeIdTokenProvider", options, OPTIONS);
  const { claims, lifetimeSeconds } = options;
  const audiences: string[] = [];
  const { failures, throwFailure } = createFakeFailures();
  return {
    audiences,
    ...failures,
    fetchIdToken: async (audience) => {
      audiences.push(audience);
      throwFailure();
      const payload = { ...googleClaims(EXAMPLE_ACCOUNT, { audience, lifetimeSeconds }), ...claims };
      return [{ alg: "RS256", kid: "fake", typ: "JWT" }, payload, { fake: true }].map(encodeJwtPart).join(".");
    },
  };
}
