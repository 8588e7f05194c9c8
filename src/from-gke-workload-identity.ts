import { loadPackage } from "./errors/load-package.js";
import type { KeptSession } from "./keep-session.js";
import type { FromGkeWorkloadIdentityInit } from "./options/options.js";
import { resolveOptions } from "./options/resolve-options.js";
import type { AwsSession } from "./sts/assume-role.js";

/** What an AWS SDK client tells the provider when it asks for credentials. */
export interface GkeWorkloadIdentityProperties {
  /** Bypass the cache. Joins a pending refresh. Within a second after a failure, rejects with that failure again. */
  readonly forceRefresh?: boolean | undefined;
  /** The asking client's resolved configuration, set by the SDK: its region is where STS is called. */
  // biome-ignore lint/suspicious/noExplicitAny: the SDK's type of this property differs from release to release.
  readonly callerClientConfig?: any;
}

/**
 * A credential provider for `credentials` of any AWS SDK v3 client. Share one between all clients of a process: they
 * then share one session and one refresh.
 */
export interface GkeWorkloadIdentityProvider {
  (properties?: GkeWorkloadIdentityProperties): Promise<AwsSession>;
  /** Tells the SDK that this provider caches by itself: it is asked for each request, and answers from its cache. */
  memoized?: boolean;
}

/**
 * Makes a provider of AWS credentials for a workload on Google Cloud: a Google ID token from the metadata server, or a
 * cluster's token from a file, exchanged at AWS STS for a session of an IAM role, refreshed in the background.
 *
 * Nothing is read or called before the first request; the packages for it are loaded then.
 *
 * @example
 * ```ts
 * import { S3Client } from "@aws-sdk/client-s3";
 * import { fromGkeWorkloadIdentity } from "gke-aws-credentials";
 *
 * const s3 = new S3Client({ region: "ap-northeast-2", credentials: fromGkeWorkloadIdentity() });
 * ```
 *
 * @param init - Options, all optional: `AWS_ROLE_ARN` in the environment is enough.
 * @returns The provider. Its calls reject with {@link GkeWorkloadIdentityError} and with nothing else.
 * @throws {@link GkeWorkloadIdentityError} `INVALID_CONFIGURATION` for an option that is not valid.
 * @see https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
 */
export function fromGkeWorkloadIdentity(init: FromGkeWorkloadIdentityInit = {}): GkeWorkloadIdentityProvider {
  const options = resolveOptions(init);
  let keptSession: KeptSession | undefined;
  // Not imported at the top: reading the code of the three rooms takes longer than all else here.
  const load = async (): Promise<void> => {
    const { keepSession } = await loadPackage("gke-aws-credentials", import("./keep-session.js"));
    keptSession ??= keepSession(options);
  };

  const provider = (properties?: GkeWorkloadIdentityProperties): Promise<AwsSession> => {
    if (!keptSession) return load().then(() => provider(properties));
    return keptSession(properties?.callerClientConfig, properties?.forceRefresh === true);
  };
  return Object.assign(provider, { memoized: true });
}
