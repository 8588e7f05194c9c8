import type { STSClientConfig } from "@aws-sdk/client-sts";
import type { fromWebToken } from "@aws-sdk/credential-providers";
import type { AwsCredentialIdentityProvider, Logger, Pluggable } from "@smithy/types";
import type { GkeWorkloadIdentityEvent } from "./events.js";

/** The SDK's own type of these options, which it does not export by name. */
export type FromWebTokenInit = Parameters<typeof fromWebToken>[0];

/** Where an ID token comes from: the `IdTokenProvider` of google-auth-library, which any of its clients may be. */
export interface IdTokenProvider {
  /** Fetches an ID token whose `aud` claim is `targetAudience`. */
  fetchIdToken: (targetAudience: string) => Promise<string>;
}

/**
 * Options of {@link fromGkeWorkloadIdentity}. All are optional; on GKE `AWS_ROLE_ARN` in the pod is enough. An unknown option
 * is refused.
 */
export interface FromGkeWorkloadIdentityInit {
  /**
   * ARN of the AWS IAM role to assume, for example `arn:aws:iam::123456789012:role/reader`. Default: environment variable
   * `AWS_ROLE_ARN`, read at the first request.
   */
  roleArn?: string | undefined;
  /**
   * Name of the session, seen in CloudTrail: 2 to 64 characters of `[\w+=,.@-]`. Default: `AWS_ROLE_SESSION_NAME`, else the
   * pod's name (`HOSTNAME`) made legal, else `gke-workload-identity`.
   *
   * @see https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
   */
  roleSessionName?: string | undefined;
  /**
   * The token's `aud` claim, which the role's trust policy must require as `accounts.google.com:oaud`. Default:
   * `sts.amazonaws.com`.
   */
  audience?: string | undefined;
  /** Length of the session in seconds, 900 to 43200, no longer than the role's maximum. Default: STS's own, 3600. */
  durationSeconds?: number | undefined;
  /** An inline session policy in JSON, at most 2048 characters: the session may do what this and the role both allow. */
  policy?: string | undefined;
  /** Managed session policies, at most 10, for example `[{ arn: "arn:aws:iam::aws:policy/ReadOnlyAccess" }]`. */
  policyArns?: FromWebTokenInit["policyArns"] | undefined;
  /** The Google service account to ask the metadata server for. Default: `default`, the workload's own. */
  serviceAccountEmail?: string | undefined;
  /**
   * Where the ID token comes from. Default: the metadata server, through google-auth-library's HTTP client. Give another one
   * for local development (`Impersonated`, asked with `includeEmail: false`) or for tests (`fakeIdTokenProvider` of
   * `gke-aws-credentials/testing`).
   */
  idTokenProvider?: IdTokenProvider | undefined;
  /**
   * A file that holds the token, such as a projected Kubernetes token: then there is no need for a Google service account or
   * the metadata server. The file is read at each refresh. Its token must be for `audience`. Not together with
   * `idTokenProvider` or `serviceAccountEmail`.
   *
   * Default: environment variable `AWS_WEB_IDENTITY_TOKEN_FILE`, read at each refresh, unless `idTokenProvider` or
   * `serviceAccountEmail` is given: these ask for a Google ID token. `serviceAccountEmail: "default"` does so for the
   * workload's own account.
   *
   * @see https://kubernetes.io/docs/concepts/storage/projected-volumes/#serviceaccounttoken
   */
  webIdentityTokenFile?: string | undefined;
  /**
   * Configuration of the STS client: region, endpoint, request handler and the rest.
   *
   * With `maxAttempts`, `retryStrategy` or `retryMode` the SDK retries as they say. Default: this package retries, with at
   * most 6 calls that STS answers in one acquisition; variables and profiles do not change that. `requestHandler`,
   * `useFipsEndpoint`, `useDualstackEndpoint`, `profile` and `userAgentAppId` are taken over from the calling client by
   * default. A call of the provider itself has no client: behind a proxy, give `requestHandler` here too.
   */
  clientConfig?: STSClientConfig | undefined;
  /** Middleware plugins of the STS client. */
  // biome-ignore lint/suspicious/noExplicitAny: the SDK's own type of this option (FromWebTokenInit).
  clientPlugins?: Pluggable<any, any>[] | undefined;
  /**
   * Makes the STS call in the place of the package's own STS client. Of `clientConfig` only the retry settings are then used, and
   * `stsRegions` is unused.
   */
  roleAssumerWithWebIdentity?: FromWebTokenInit["roleAssumerWithWebIdentity"] | undefined;
  /** Given to the SDK. Also told when the STS region is the default, because no region is configured. */
  logger?: Logger | undefined;
  /**
   * Regions to call STS in, first to last: one that cannot be reached passes on to the next. Sessions are valid in all
   * regions of the partition. Not together with `clientConfig.region`.
   *
   * Default: one region: `clientConfig.region`, else the calling client's, else `AWS_REGION` or the profile's, else the
   * default region of the role's partition.
   */
  stsRegions?: readonly string[] | undefined;
  /**
   * How long before its end a session may be refreshed in the background, in seconds, 120 to 43200; never more than half of
   * the session. The refresh begins at a random moment in that time, so that pods that started together do not refresh together.
   *
   * Default: 300 for sessions up to 20 minutes, 900 under 90 minutes, else 3600.
   */
  refreshAheadSeconds?: number | undefined;
  /**
   * Refresh in the background also while no request comes, so that a request never waits because the service was idle.
   * It begins with the first request. Its timer does not keep the process alive. Default: `false`.
   */
  keepFresh?: boolean | undefined;
  /**
   * How long one request waits, in milliseconds, 1 to 3600000: token, exchange and all retries. The metadata server is tried
   * until then, and so is STS while it cannot be connected to. A 5xx of STS is an error within seconds. Default: 30000.
   */
  timeoutMs?: number | undefined;
  /** Told of refreshes, failures and failovers. What it throws is ignored. */
  onEvent?: ((event: GkeWorkloadIdentityEvent) => void) | undefined;
  /**
   * Asked where this process does not run on Google Cloud and has no token file: a laptop, CI, EKS Pod Identity. Its
   * credentials are kept in the same cache; those without an `expiration` are asked for again after five minutes, and kept for
   * ten at most. On Google Cloud a failure is never passed on to it, unless only a hint such as `K_SERVICE` speaks for Google
   * Cloud and no metadata server answers within ten seconds.
   *
   * Default: none: such a request rejects with `NOT_ON_GOOGLE_CLOUD`. An example: the SDK's `fromNodeProviderChain()`.
   */
  fallback?: AwsCredentialIdentityProvider | undefined;
}

/** The `aud` claim that tokens are asked for, and that trust policies require, unless the user names another. */
export const DEFAULT_AUDIENCE = "sts.amazonaws.com";
export const DEFAULT_TIMEOUT_MS = 30_000;

/** What an option's absence means, decided once at construction. */
export interface ResolvedOptions extends FromGkeWorkloadIdentityInit {
  readonly audience: string;
  readonly serviceAccountEmail: string;
  readonly timeoutMs: number;
  /** Whether an option names a source of Google ID tokens: then no variable of the environment names a token file. */
  readonly asksForGoogle: boolean;
}
