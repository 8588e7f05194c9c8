import type { IdTokenProvider } from "../../index.js";
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

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");

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
  const { claims = {}, lifetimeSeconds = 3600 } = options;
  const audiences: string[] = [];
  const { failures, throwFailure } = createFakeFailures();
  return {
    audiences,
    ...failures,
    fetchIdToken: async (audience) => {
      audiences.push(audience);
      throwFailure();
      const issuedAt = Math.floor(Date.now() / 1000);
      const payload = {
        aud: audience,
        azp: "111035977024964273138",
        email: "reader@example-project.iam.gserviceaccount.com",
        email_verified: true,
        exp: issuedAt + lifetimeSeconds,
        iat: issuedAt,
        iss: "https://accounts.google.com",
        sub: "111035977024964273138",
        ...claims,
      };
      return `${encode({ alg: "RS256", kid: "fake", typ: "JWT" })}.${encode(payload)}.${encode({ fake: true })}`;
    },
  };
}
