import type { STSClientConfig } from "@aws-sdk/client-sts";
import type { Pluggable } from "@smithy/types";
import { ownValue } from "../lib/own-value.js";
import { redactingLogger } from "../lib/redact.js";
import type { FromWebTokenInit } from "../options/options.js";
import type { ResolvedOptions } from "../options/resolve-options.js";
import { loadStsClient } from "./exchange-packages.js";
import { guardHandler } from "./guard-handler.js";
import { ensureHomeDirectory } from "./home-directory.js";
import type { HttpHandler } from "./http-handler.js";
import type { CallerClientConfig } from "./resolve-regions.js";

export type RoleAssumer = NonNullable<FromWebTokenInit["roleAssumerWithWebIdentity"]>;

/** An STS client for one region and one request handler. It serves one call at a time. */
export interface StsClient {
  /** Begins a call: its HTTP requests, retries of the SDK included, end with this signal. */
  readonly begin: (signal: AbortSignal) => RoleAssumer;
  /** How the last HTTP request of this call failed; undefined if none did. */
  readonly lastFailure: () => unknown;
}

export interface StsClientInit {
  readonly options: Pick<ResolvedOptions, "clientConfig" | "clientPlugins" | "logger">;
  readonly region: string;
  readonly handler: HttpHandler;
  /** Settings that the client takes over from the calling client, unless `clientConfig` has them. */
  readonly inherited: Pick<STSClientConfig, "useFipsEndpoint" | "useDualstackEndpoint">;
  /** Tries of the SDK itself. */
  readonly maxAttempts: number | undefined;
  readonly callerClientConfig: CallerClientConfig | undefined;
}

/** Makes an STS client. It lasts, so that its TLS connection is used again. */
export async function createStsClient(init: StsClientInit): Promise<StsClient> {
  await ensureHomeDirectory();
  const { getDefaultRoleAssumerWithWebIdentity } = await loadStsClient();
  const { clientConfig, clientPlugins = [], logger } = init.options;
  const configuredLogger = ownValue(clientConfig, "logger");
  let signal: AbortSignal | undefined;
  let failure: unknown;

  const stsOptions: STSClientConfig & { credentialProviderLogger?: unknown; parentClientConfig?: unknown } = {
    ...init.inherited,
    ...(init.maxAttempts !== undefined && { maxAttempts: init.maxAttempts }),
    ...withoutUndefined(clientConfig),
    ...(configuredLogger && { logger: redactingLogger(configuredLogger) }),
    ...(logger && { credentialProviderLogger: redactingLogger(logger) }),
    // Without the calling client's logger, which would be told the session token.
    parentClientConfig: { ...init.callerClientConfig, logger: undefined },
    region: init.region,
    requestHandler: guardHandler(init.handler, () => signal),
  };
  const noteFailures: Pluggable<object, object> = {
    applyToStack: (stack) =>
      // After the SDK's retries: once for each HTTP request.
      stack.add(
        (next) => (args) =>
          next(args).catch((error: unknown) => {
            if (!signal?.aborted) failure = error;
            throw error;
          }),
        { name: "gkeAwsCredentialsNoteFailures", step: "finalizeRequest", priority: "low" },
      ),
  };
  const assume = getDefaultRoleAssumerWithWebIdentity(
    stsOptions as Parameters<typeof getDefaultRoleAssumerWithWebIdentity>[0],
    [...clientPlugins, noteFailures] as Parameters<typeof getDefaultRoleAssumerWithWebIdentity>[1],
  );
  return {
    begin: (ofCall) => {
      signal = ofCall;
      failure = undefined;
      return assume;
    },
    lastFailure: () => failure,
  };
}

/** An option that is present but undefined is an option that is not set. */
const withoutUndefined = (config: STSClientConfig = {}): STSClientConfig =>
  Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined));
