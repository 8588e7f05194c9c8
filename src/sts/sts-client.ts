import type { AssumeRoleWithWebIdentityCommandInput, STSClient, STSClientConfig } from "@aws-sdk/client-sts";
import type { AwsCredentialIdentity, Pluggable } from "@smithy/types";
import { loadPackage } from "../errors/create-error.js";
import { isSecretField, REPLACEMENT, redactText } from "../lib/text.js";
import type { ResolvedOptions } from "../options/options.js";
import type { CallerClientConfig } from "./regions.js";

/** Loaded on first use: importing this package must cost next to nothing. */
export const loadStsClient = () => loadPackage("@aws-sdk/client-sts", import("@aws-sdk/client-sts"));
export const loadCredentialProviders = () =>
  loadPackage("@aws-sdk/credential-providers", import("@aws-sdk/credential-providers"));

/** Loads the packages of the exchange, so that they are there when the token arrives. Never rejects: the exchange does. */
export const preloadExchange = (): Promise<unknown> => Promise.allSettled([loadStsClient(), loadCredentialProviders()]);

export interface StsCall {
  readonly region: string;
  readonly callerClientConfig: CallerClientConfig | undefined;
  /** Ends the call, the SDK's own retries included. */
  readonly signal: AbortSignal;
  /** Told the host that a request is sent to, just before that. Not called where an error comes before the request. */
  readonly onSend: (host: string) => void;
}

export type CallSts = (call: StsCall, params: AssumeRoleWithWebIdentityCommandInput) => Promise<AwsCredentialIdentity>;

/** STS's answers have a few thousand characters. The SDK's XML parser needs 75 ms for 64 KiB of hostile ones. */
const MAX_ANSWER_BYTES = 65_536;
const CONNECT_MS = 5_000;
const REQUEST_MS = 10_000;

/** Says where each request goes, and limits its answer. */
export const watchRequests = <I extends object, O extends object>(onSend: (host: string) => void): Pluggable<I, O> => ({
  applyToStack: (stack) =>
    stack.add(
      (next) => async (args) => {
        const { hostname, port } = Object(args.request) as { readonly hostname?: string; readonly port?: number };
        onSend(port === undefined ? `${hostname}` : `${hostname}:${port}`);
        const result = await next(args);
        await limitAnswer(result.response as Answer);
        return result;
      },
      { step: "deserialize", priority: "low", name: "gkeAwsCredentialsWatchRequests" },
    ),
});

interface Answer {
  readonly statusCode: number;
  body: unknown;
}

/** Reads a stream to its end. A body that is no stream is already in memory, and stays as it is. */
async function limitAnswer(response: Answer): Promise<void> {
  const { body } = response;
  if (typeof body !== "object" || body === null || !(Symbol.asyncIterator in body)) return;
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    // Leaving the loop ends the stream, and with it the connection.
    if (size > MAX_ANSWER_BYTES)
      throw Object.assign(new RangeError(`The answer is longer than ${MAX_ANSWER_BYTES} bytes`), {
        $metadata: { httpStatusCode: response.statusCode },
        $response: response,
      });
    chunks.push(chunk);
  }
  response.body = Buffer.concat(chunks);
}

/** Settings by which the user leaves retries to the SDK. */
const RETRY_SETTINGS = ["maxAttempts", "retryStrategy", "retryMode"] as const;

export const leavesRetriesToSdk = ({ clientConfig }: Pick<ResolvedOptions, "clientConfig">): boolean =>
  RETRY_SETTINGS.some((name) => clientConfig?.[name] !== undefined);

/** Makes the function that calls STS once. It keeps one client for each region and calling client. */
export function createStsCaller(options: ResolvedOptions): CallSts {
  const clientsOf = new WeakMap<object, Map<string, STSClient>>();

  const clientFor = async ({ region, callerClientConfig: caller }: StsCall): Promise<STSClient> => {
    const { STSClient } = await loadStsClient();
    const clients = clientsOf.get(caller ?? options) ?? new Map<string, STSClient>();
    clientsOf.set(caller ?? options, clients);
    const known = clients.get(region);
    if (known) return known;
    const client = new STSClient(stsClientConfig(options, region, caller));
    for (const plugin of options.clientPlugins ?? []) client.middlewareStack.use(plugin);
    clients.set(region, client);
    return client;
  };

  return async (call, params) => {
    const client = await clientFor(call);
    const { AssumeRoleWithWebIdentityCommand } = await loadStsClient();
    const command = new AssumeRoleWithWebIdentityCommand(params);
    command.middlewareStack.use(watchRequests(call.onSend));
    const { Credentials: session, AssumedRoleUser } = await client.send(command, { abortSignal: call.signal });
    const accountId = AssumedRoleUser?.Arn?.split(":")[4] ?? "";
    // The caller checks it, like the answer of an injected role assumer.
    return {
      accessKeyId: session?.AccessKeyId ?? "",
      secretAccessKey: session?.SecretAccessKey ?? "",
      sessionToken: session?.SessionToken ?? "",
      ...(session?.Expiration && { expiration: session.Expiration }),
      accountId,
      // As the SDK's own role assumer marks its sessions for the user agent.
      $source: { ...(accountId && { RESOLVED_ACCOUNT_ID: "T" }), CREDENTIALS_STS_ASSUME_ROLE_WEB_ID: "k" },
    } as AwsCredentialIdentity;
  };
}

/** What an STS client takes over from the calling client: its proxy, and what is a rule of the whole program. */
const INHERITED = ["requestHandler", "useFipsEndpoint", "useDualstackEndpoint", "profile", "userAgentAppId"] as const;

/** What the user says, else what the calling client says, else what suits one call in 45 minutes. */
export function stsClientConfig(
  options: Pick<ResolvedOptions, "clientConfig">,
  region: string,
  caller?: CallerClientConfig,
): STSClientConfig {
  const { logger, ...configured } = options.clientConfig ?? {};
  const inherited = Object.fromEntries(INHERITED.map((name) => [name, caller?.[name]])) as STSClientConfig;
  if (isHttp2(inherited.requestHandler)) delete inherited.requestHandler;
  return {
    // The defaults of the environment are not for this call: AWS_DEFAULTS_MODE=auto asks EC2's address first, and
    // AWS_AUTH_SCHEME_PREFERENCE=sigv4a looks for credentials, though the call is not signed.
    defaultsMode: "standard",
    authSchemePreference: [],
    // No connection is kept: by the next call, the network may have forgotten it.
    requestHandler: {
      connectionTimeout: CONNECT_MS,
      requestTimeout: REQUEST_MS,
      throwOnRequestTimeout: true,
      httpAgent: { keepAlive: false },
      httpsAgent: { keepAlive: false },
    },
    ...withoutUndefined(inherited),
    ...(!leavesRetriesToSdk(options) && { maxAttempts: 1 }),
    ...withoutUndefined(configured),
    ...(logger && { logger: redactingLogger(logger) }),
    region,
  };
}

/** The variable or option that makes this the host of STS; undefined for the region's own host. */
export function hostSetBy(host: string, { clientConfig }: Pick<ResolvedOptions, "clientConfig">): string | undefined {
  if (clientConfig?.endpoint !== undefined) return "clientConfig.endpoint";
  const variable = ["AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL"].find((name) => process.env[name]?.includes(host));
  if (variable !== undefined) return variable;
  if (/^sts-fips\./.test(host)) return "The FIPS setting (AWS_USE_FIPS_ENDPOINT, useFipsEndpoint or the profile)";
  if (/\.api\.(?:aws|amazonwebservices\.com\.cn)$/.test(host))
    return "The dual-stack setting (AWS_USE_DUALSTACK_ENDPOINT, useDualstackEndpoint or the profile)";
  return /^sts\.(?:[a-z0-9-]+\.)?(?:amazonaws\.(?:com|com\.cn|eu)|[a-z0-9.]+\.gov|[a-z0-9.-]*\.uk)$/.test(host)
    ? undefined
    : "endpoint_url of the profile";
}

/** STS speaks no HTTP/2. */
const isHttp2 = (handler: unknown): boolean =>
  (handler as { readonly metadata?: { readonly handlerProtocol?: string } } | undefined)?.metadata?.handlerProtocol ===
  "h2";

/** An option that is present but undefined is an option that is not set. */
const withoutUndefined = (config: STSClientConfig): STSClientConfig =>
  Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined));

type Logger = NonNullable<STSClientConfig["logger"]>;

/** A logger for the STS client, which logs whole answers, and with them the session token. */
export function redactingLogger(logger: Logger): Logger {
  const redact = (key: string, value: unknown): unknown => {
    if (isSecretField(key)) return REPLACEMENT;
    if (value instanceof Error) return redactText(`${value.name}: ${value.message}`);
    return typeof value === "string" ? redactText(value) : value;
  };
  const copy = (item: unknown): unknown => {
    try {
      return JSON.parse(JSON.stringify(item, redact) ?? "null");
    } catch {
      return "[not shown]";
    }
  };
  const log =
    (level: "trace" | "debug" | "info" | "warn" | "error") =>
    (...content: unknown[]): void =>
      logger[level]?.(...content.map(copy));
  return { trace: log("trace"), debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") };
}
