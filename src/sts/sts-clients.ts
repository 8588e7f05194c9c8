import type { STSClientConfig } from "@aws-sdk/client-sts";
import { ownValue } from "../lib/own-value.js";
import type { ResolvedOptions } from "../options/resolve-options.js";
import { loadHttpHandler } from "./exchange-packages.js";
import { createHttpHandler, type HttpHandler } from "./http-handler.js";
import type { CallerClientConfig } from "./resolve-regions.js";
import { createStsClient, type RoleAssumer, type StsClient } from "./sts-client.js";

/** What decides which STS client a call uses. */
export interface StsClientChoice {
  readonly region: string;
  /** Tries of the SDK itself; undefined if `clientConfig` says so. */
  readonly maxAttempts: number | undefined;
  readonly callerClientConfig: CallerClientConfig | undefined;
}

/** A client for one call. */
export interface TakenStsClient {
  readonly client: StsClient;
  /** Keeps the client for the next call, which then uses its connection again. Not for a client that timed out. */
  readonly giveBack: () => void;
}

/** A role assumer that the user injects stands in for a client. */
export const injectedClient = (assume: RoleAssumer): TakenStsClient => ({
  client: { begin: () => assume, lastFailure: () => undefined },
  giveBack: () => {},
});

/** The STS clients of one provider. */
export interface StsClients {
  readonly take: (choice: StsClientChoice) => Promise<TakenStsClient>;
}

const INHERITED = ["useFipsEndpoint", "useDualstackEndpoint"] as const;

/**
 * Keeps one STS client for each region and each request handler. A handler of one calling client never serves another:
 * its client may have been destroyed, or its proxy may be broken.
 */
export function createStsClients(options: ResolvedOptions): StsClients {
  const clientsOf = new WeakMap<HttpHandler, Map<string, StsClient>>();
  let ownHandler: Promise<HttpHandler> | undefined;

  const handlerFor = (caller: CallerClientConfig | undefined): HttpHandler | Promise<HttpHandler> => {
    const foreign = foreignHandler(options, caller);
    if (foreign) return foreign;
    ownHandler ??= createRequestHandler(options);
    return ownHandler;
  };

  return {
    take: async ({ region, maxAttempts, callerClientConfig }) => {
      const handler = await handlerFor(callerClientConfig);
      const inherited = await readInherited(callerClientConfig);
      const clients = clientsOf.get(handler) ?? new Map<string, StsClient>();
      clientsOf.set(handler, clients);
      const key = JSON.stringify([region, maxAttempts, inherited]);
      const known = clients.get(key);
      clients.delete(key);
      const init = { options, region, handler, inherited, maxAttempts, callerClientConfig };
      const client = known ?? (await createStsClient(init));
      return { client, giveBack: () => clients.set(key, client) };
    },
  };
}

/** The user's handler, else the calling client's unless it speaks HTTP/2, which STS does not. */
function foreignHandler(options: ResolvedOptions, caller: CallerClientConfig | undefined): HttpHandler | undefined {
  const configured: unknown = ownValue(options.clientConfig, "requestHandler");
  if (configured !== undefined) return isHandler(configured) ? configured : undefined;
  const callers = caller?.requestHandler;
  return isHandler(callers) && callers.metadata?.handlerProtocol !== "h2" ? callers : undefined;
}

/** The user's handler if there is one, else a new one: the SDK's if the user gives settings for it. */
export async function createRequestHandler(options: ResolvedOptions): Promise<HttpHandler> {
  const settings: object | undefined = ownValue(options.clientConfig, "requestHandler");
  if (isHandler(settings)) return settings;
  if (settings === undefined) return createHttpHandler();
  const { NodeHttpHandler } = await loadHttpHandler();
  return NodeHttpHandler.create({ throwOnRequestTimeout: true, ...settings });
}

/** FIPS and dual stack are rules of the whole program: the calling client's are kept. */
async function readInherited(
  caller: CallerClientConfig | undefined,
): Promise<Pick<STSClientConfig, (typeof INHERITED)[number]>> {
  const found = await Promise.all(INHERITED.map(async (name) => [name, await settingOf(caller?.[name])] as const));
  return Object.fromEntries(found.filter(([, value]) => typeof value === "boolean"));
}

/** The SDK holds each setting as a function. One that fails does so in the calling client, too. */
const settingOf = async (setting: unknown): Promise<unknown> => {
  try {
    return typeof setting === "function" ? await setting() : setting;
  } catch {
    return undefined;
  }
};

const isHandler = (value: unknown): value is HttpHandler =>
  typeof value === "object" && value !== null && typeof Reflect.get(value, "handle") === "function";
