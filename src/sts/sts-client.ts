import type { AssumeRoleWithWebIdentityCommandInput, STSClient, STSClientConfig } from "@aws-sdk/client-sts";
import type { AwsCredentialIdentity, HttpRequest, HttpResponse, Pluggable } from "@smithy/types";
import { loadPackage } from "../errors/create-error.js";
import { read } from "../lib/failure.js";
import { isSecretField, REPLACEMENT, redactText } from "../lib/text.js";
import type { ResolvedOptions } from "../options/options.js";

/** Loaded on first use: importing this package must cost next to nothing. */
export const loadStsClient = () => loadPackage("@aws-sdk/client-sts", import("@aws-sdk/client-sts"));
export const loadCredentialProviders = () =>
  loadPackage("@aws-sdk/credential-providers", import("@aws-sdk/credential-providers"));

/** Loads the packages of the exchange, so that they are there when the token arrives. Never rejects: the exchange does. */
export const preloadExchange = (): Promise<unknown> => Promise.allSettled([loadStsClient(), loadCredentialProviders()]);

/** What the SDK tells a provider of the client that asks (`callerClientConfig`). */
export interface CallerClientConfig {
  readonly region?: string | (() => Promise<string>) | undefined;
  readonly profile?: string | undefined;
  readonly [key: string]: unknown;
}

interface StsCall {
  readonly region: string;
  readonly callerClientConfig: CallerClientConfig | undefined;
  readonly signal: AbortSignal;
  /** Told the host that a request is sent to, just before that. Not called where an error comes before the request. */
  readonly onSend: (host: string) => void;
}

/** STS's answers have a few thousand characters. The SDK's XML parser needs 75 ms for 64 KiB of hostile ones. */
const MAX_ANSWER_BYTES = 65_536;

/**
 * Says where each request goes, and limits its answer. The connection is closed after it, whoever's handler it is: by the next
 * call, 45 minutes later, the network may have forgotten the connection, and the call would wait for its time limit.
 */
export const watchRequests = <I extends object, O extends object>(onSend: (host: string) => void): Pluggable<I, O> => ({
  applyToStack: (stack) =>
    stack.add(
      (next) => async (args) => {
        const { hostname, port, headers } = args.request as HttpRequest;
        headers.connection = "close";
        onSend(port === undefined ? hostname : `${hostname}:${port}`);
        const result = await next(args);
        await limitAnswer(result.response as HttpResponse);
        return result;
      },
      { step: "deserialize", priority: "low", name: "gkeAwsCredentialsWatchRequests" },
    ),
});

/** Reads a stream to its end. A body that is no stream is already in memory, and stays as it is. */
async function limitAnswer(response: HttpResponse): Promise<void> {
  if (!(Symbol.asyncIterator in Object(response.body))) return;
  let answer = Buffer.alloc(0);
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    answer = Buffer.concat([answer, chunk]);
    // Leaving the loop ends the stream, and with it the connection.
    if (answer.length > MAX_ANSWER_BYTES)
      throw Object.assign(new RangeError(`The answer is longer than ${MAX_ANSWER_BYTES} bytes`), {
        $metadata: { httpStatusCode: response.statusCode },
        $response: response,
      });
  }
  response.body = answer;
}

/** Whether the user has a retry setting of their own. Then the SDK retries by it. */
export const leavesRetriesToSdk = ({ clientConfig: config }: Pick<ResolvedOptions, "clientConfig">): boolean =>
  (config?.maxAttempts ?? config?.retryStrategy ?? config?.retryMode) !== undefined;

/** Makes the function that calls STS once. It keeps one client for each region and calling client. */
export function createStsCaller(options: ResolvedOptions) {
  const clientsOf = new WeakMap<object, Map<string, STSClient>>();

  return async (call: StsCall, params: object): Promise<AwsCredentialIdentity> => {
    const { region, callerClientConfig: caller, signal, onSend } = call;
    const { AssumeRoleWithWebIdentityCommand, STSClient } = await loadStsClient();
    const clients = clientsOf.get(caller ?? options) ?? new Map<string, STSClient>();
    clientsOf.set(caller ?? options, clients);
    let client = clients.get(region);
    if (!client) {
      client = new STSClient(stsClientConfig(options, region, caller));
      for (const plugin of options.clientPlugins ?? []) client.middlewareStack.use(plugin);
      clients.set(region, client);
    }
    const command = new AssumeRoleWithWebIdentityCommand(params as AssumeRoleWithWebIdentityCommandInput);
    command.middlewareStack.use(watchRequests(onSend));
    const { Credentials: session, AssumedRoleUser } = await client.send(command, { abortSignal: signal });
    const accountId = AssumedRoleUser?.Arn?.split(":")[4] ?? "";
    // Whether it is whole is checked by the caller, as with an injected role assumer.
    return {
      accessKeyId: session?.AccessKeyId,
      secretAccessKey: session?.SecretAccessKey,
      sessionToken: session?.SessionToken,
      expiration: session?.Expiration,
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
  // STS speaks no HTTP/2.
  const isLeftOut = (value: unknown) =>
    read(read(value, "metadata"), "handlerProtocol") === "h2" || value === undefined;
  const inherited = INHERITED.map((name) => [name, caller?.[name]] as const);
  return {
    // The defaults of the environment are not for this call: AWS_DEFAULTS_MODE=auto asks EC2's address first, and
    // AWS_AUTH_SCHEME_PREFERENCE=sigv4a looks for credentials, though the call is not signed.
    defaultsMode: "standard",
    // A function: client-sts 3.723 with a newer @smithy/core takes no array.
    authSchemePreference: async () => [],
    requestHandler: { connectionTimeout: 5_000, requestTimeout: 10_000, throwOnRequestTimeout: true },
    // An option that is present but undefined is an option that is not set.
    ...Object.fromEntries(inherited.filter(([, value]) => !isLeftOut(value))),
    ...(!leavesRetriesToSdk(options) && { maxAttempts: 1 }),
    ...Object.fromEntries(Object.entries(configured).filter(([, value]) => value !== undefined)),
    ...(logger && { logger: redactingLogger(logger) }),
    region,
  };
}

/** What gives STS a host of this form. The third is the region's own, in each of AWS's partitions. */
const HOST_FORMS: readonly (readonly [RegExp, string | undefined])[] = [
  [/^sts-fips\./, "AWS_USE_FIPS_ENDPOINT, useFipsEndpoint or the profile"],
  [/^sts\.[a-z0-9-]+\.api\./, "AWS_USE_DUALSTACK_ENDPOINT, useDualstackEndpoint or the profile"],
  [/^sts\.(?:[a-z0-9-]+\.)?(?:amazonaws|c2s|sc2s|csp|cloud)\.[a-z.-]+$/, undefined],
  [/./, "endpoint_url of the profile, or a client plugin,"],
];

/** The variable or option that names the host of STS. Without a host, the one that would name it; undefined if it is AWS's. */
export function hostSetBy(
  host: string | undefined,
  options: Pick<ResolvedOptions, "clientConfig">,
): string | undefined {
  if (options.clientConfig?.endpoint !== undefined) return "clientConfig.endpoint";
  const isIn = (url = ""): boolean => (host === undefined ? url !== "" : url.toLowerCase().includes(host));
  const variable = ["AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL"].find((name) => isIn(process.env[name]));
  return variable ?? HOST_FORMS.find(([form]) => form.test(host ?? ""))?.[1];
}

type Logger = NonNullable<STSClientConfig["logger"]>;

/** A logger for the STS client, which logs whole answers, and with them the session token. */
export function redactingLogger(logger: Logger): Logger {
  const redact = (key: string, value: unknown): unknown => {
    if (isSecretField(key)) return REPLACEMENT;
    const text = value instanceof Error ? `${value.name}: ${value.message}` : value;
    return typeof text === "string" ? redactText(text) : text;
  };
  const copy = (item: unknown): unknown => {
    try {
      return JSON.parse(JSON.stringify(item, redact) ?? "null");
    } catch {
      return "[not shown]";
    }
  };
  const log =
    (level: keyof Logger) =>
    (...content: unknown[]): void =>
      logger[level]?.(...content.map(copy));
  return { trace: log("trace"), debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") };
}
