import type { STSClientConfig } from "@aws-sdk/client-sts";
import type { NodeHttpHandler } from "@smithy/node-http-handler";
import { redactingLogger } from "../lib/redact.js";
import type { FromWebTokenInit } from "../options/options.js";
import type { ResolvedOptions } from "../options/resolve-options.js";
import { loadHttpHandler, loadStsClient } from "./exchange-packages.js";
import type { CallerClientConfig } from "./resolve-regions.js";

type RoleAssumerWithWebIdentity = NonNullable<FromWebTokenInit["roleAssumerWithWebIdentity"]>;

type HttpHandler = ReturnType<typeof NodeHttpHandler.create>;

/** A role assumer whose HTTP requests, retries included, end with the signal last given to `endWith`. */
export interface EndableRoleAssumer {
  readonly assume: RoleAssumerWithWebIdentity;
  readonly endWith: (signal: AbortSignal) => void;
}

/** Limits of one HTTP request where neither the user nor the calling client brings a request handler. */
const DEFAULT_HANDLER_OPTIONS = { connectionTimeout: 5_000, requestTimeout: 10_000, throwOnRequestTimeout: true };

/** The STS clients of one provider, one for each region. */
export interface StsClients {
  readonly get: (region: string, callerClientConfig: CallerClientConfig | undefined) => Promise<EndableRoleAssumer>;
  /** Forgets the region's client. What still runs on it keeps the signal that it was given. */
  readonly drop: (region: string) => void;
}

export function createStsClients(options: ResolvedOptions): StsClients {
  const clients = new Map<string, EndableRoleAssumer>();
  return {
    get: async (region, callerClientConfig) => {
      const known = clients.get(region);
      if (known) return known;
      const made = await createStsRoleAssumer(options, region, callerClientConfig);
      clients.set(region, made);
      return made;
    },
    drop: (region) => clients.delete(region),
  };
}

/**
 * One STS client for one region, long-lived so that its TLS connection is used again. Like the SDK's own providers it
 * inherits the calling client's request handler, proxy included, unless `clientConfig` brings one.
 */
async function createStsRoleAssumer(
  options: Pick<ResolvedOptions, "clientConfig" | "clientPlugins" | "logger">,
  region: string,
  callerClientConfig: CallerClientConfig | undefined,
): Promise<EndableRoleAssumer> {
  const [{ getDefaultRoleAssumerWithWebIdentity }, { NodeHttpHandler }] = await Promise.all([
    loadStsClient(),
    loadHttpHandler(),
  ]);
  const { clientConfig = {}, clientPlugins, logger } = options;
  const handler = NodeHttpHandler.create(handlerOf(clientConfig.requestHandler, callerClientConfig?.requestHandler));
  let current: AbortSignal | undefined;

  const endable: HttpHandler = {
    ...(handler.metadata && { metadata: handler.metadata }),
    handle: (request, options) => handler.handle(request, { ...options, ...(current && { abortSignal: current }) }),
    // The handler may be the calling client's: the STS client's settings are not for it.
    updateHttpClientConfig: () => {},
    httpHandlerConfigs: () => handler.httpHandlerConfigs(),
  };
  const stsOptions: STSClientConfig & { credentialProviderLogger?: unknown; parentClientConfig?: unknown } = {
    ...clientConfig,
    ...(clientConfig.logger && { logger: redactingLogger(clientConfig.logger) }),
    ...(logger && { credentialProviderLogger: redactingLogger(logger) }),
    // Without the calling client's logger, which would be told the session token.
    parentClientConfig: { ...callerClientConfig, logger: undefined },
    region,
    requestHandler: endable,
  };
  const assume = getDefaultRoleAssumerWithWebIdentity(
    stsOptions as Parameters<typeof getDefaultRoleAssumerWithWebIdentity>[0],
    clientPlugins,
  );
  return {
    assume,
    endWith: (signal) => {
      current = signal;
    },
  };
}

/** The user's handler, else the calling client's unless it speaks HTTP/2, which STS does not, else the default. */
function handlerOf(configured: unknown, callers: unknown): Parameters<typeof NodeHttpHandler.create>[0] {
  if (isHandler(configured)) return configured;
  if (configured === undefined && isHandler(callers) && callers.metadata?.handlerProtocol !== "h2") return callers;
  return { ...DEFAULT_HANDLER_OPTIONS, ...(configured as object | undefined) };
}

const isHandler = (value: unknown): value is HttpHandler =>
  typeof value === "object" && value !== null && typeof Reflect.get(value, "handle") === "function";
