import type { gaxios } from "google-auth-library";
import { invalidConfiguration, loadPackage } from "../errors/create-error.js";
import { noAnswerWithin, withTimeout } from "../lib/time.js";

type GoogleAuthLibrary = Pick<typeof import("google-auth-library"), "gaxios" | "gcpMetadata">;

/** Loaded on first use. Its HTTP client, the server's address and the names of headers are used. */
export const loadGoogleAuth = (): Promise<GoogleAuthLibrary> =>
  loadPackage("google-auth-library", import("google-auth-library"));

/** In gcp-metadata's order: the first one that is set names the server. */
const VARIABLES = ["GCE_METADATA_IP", "GCE_METADATA_HOST"] as const;

/** On a machine without IPv4. See https://cloud.google.com/compute/docs/metadata/querying-metadata */
const IPV6_ADDRESS = "http://[fd20:ce::254]";
const SCHEME = /^(https?):\/\//i;
const OTHER_SCHEME = /^(?!https?:)[a-z0-9+.-]+:\/\//i;
/** An IPv6 address without brackets, and so without a port. */
const BARE_IPV6 = /^[0-9a-f]*:[0-9a-f.]*:[0-9a-f:.]*$/i;

/** The variables that name the metadata server in place of its well-known address. */
export const metadataHostVariables = (env: NodeJS.ProcessEnv = process.env): readonly string[] =>
  VARIABLES.filter((name) => env[name]?.trim());

/**
 * Where to ask, as origins: the one in the environment, else the well-known IPv4 address and, for machines that have no
 * route to that, the IPv6 address.
 *
 * @throws GkeWorkloadIdentityError `INVALID_CONFIGURATION` where the variable holds no address.
 */
export function metadataAddresses(wellKnown: string, env: NodeJS.ProcessEnv = process.env): readonly string[] {
  const [name] = metadataHostVariables(env);
  return name === undefined ? [wellKnown, IPV6_ADDRESS] : [toOrigin(name, env[name]?.trim() ?? "")];
}

/** A host with or without a scheme, a port and a path; the path is left out, as gcp-metadata does. */
function toOrigin(name: string, value: string): string {
  const scheme = SCHEME.exec(value)?.[1] ?? "http";
  const [host = ""] = value.replace(SCHEME, "").split("/");
  try {
    const { origin } = new URL(`${scheme}://${BARE_IPV6.test(host) ? `[${host}]` : host}`);
    if (!OTHER_SCHEME.test(value)) return origin;
  } catch {}
  throw invalidConfiguration(
    `${name} is ${JSON.stringify(value)}, but must be a host, with or without a port, such as 169.254.169.254`,
  );
}

/** Something answered at the metadata server's address, but not as Google's server does. */
export class ForeignAnswerError extends Error {
  override readonly name = "ForeignAnswerError";

  constructor(
    address: string,
    answer: string,
    readonly status?: number,
  ) {
    super(`${address.replace("http://", "")} ${answer}`);
  }
}

/** The metadata server answered with an HTTP error. */
export class MetadataStatusError extends Error {
  override readonly name = "MetadataStatusError";

  constructor(
    readonly status: number,
    text: string,
    /** How long the server asks to wait, by its header `Retry-After`. */
    readonly retryAfterMs: number | undefined,
  ) {
    super(text || `HTTP status ${status}`);
  }
}

/** What Google's metadata server answered. */
export interface MetadataAnswer {
  /** Where it answered, for example `http://169.254.169.254`. */
  readonly address: string;
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
}

export interface MetadataRequest {
  /** Below `/computeMetadata/v1/`. */
  readonly path: string;
  readonly params?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

const MAX_BYTES = 64 * 1_024;
/** No route to an IPv4 address: a machine that has IPv6 only. */
const NO_ROUTE: ReadonlySet<unknown> = new Set(["ENETUNREACH", "EHOSTUNREACH", "EADDRNOTAVAIL", "EAFNOSUPPORT"]);

/**
 * Asks the metadata server once. Every read of metadata goes through this function: never through a proxy, whatever the
 * environment says, since a proxy on Google Cloud would answer with its own identity; without redirects, with a limit on
 * the answer, and only an answer of Google's is given back.
 *
 * @throws ForeignAnswerError where something else answers. Rejects with Node's error where nothing does.
 */
export async function requestMetadata(request: MetadataRequest): Promise<MetadataAnswer> {
  const library = await loadGoogleAuth();
  let noRoute: unknown;
  for (const address of metadataAddresses(library.gcpMetadata.HOST_ADDRESS)) {
    try {
      return await requestAt(address, request, library);
    } catch (error) {
      if (!NO_ROUTE.has(Object(error).code)) throw error;
      noRoute ??= error;
    }
  }
  throw noRoute;
}

async function requestAt(
  address: string,
  { path, params = {}, signal }: MetadataRequest,
  { gaxios, gcpMetadata }: GoogleAuthLibrary,
): Promise<MetadataAnswer> {
  const { HEADER_NAME, HEADER_VALUE } = gcpMetadata;
  // Loaded here, because that takes as long as importing this package.
  const http = address.startsWith("https:") ? import("node:https") : import("node:http");
  const { Agent } = await loadPackage<{ Agent: typeof import("node:http").Agent }>("node:http", http);
  const agent = new Agent();
  try {
    // A client of its own: settings and interceptors of the shared one, such as loggers, do not reach it.
    const { status, headers, data } = await new gaxios.Gaxios().request<AsyncIterable<Uint8Array>>({
      url: `${address}${gcpMetadata.BASE_PATH}/${path}`,
      params,
      headers: { [HEADER_NAME]: HEADER_VALUE },
      // With an agent given, gaxios looks at no proxy variable.
      agent,
      signal,
      redirect: "error",
      retry: false,
      responseType: "stream",
      validateStatus: () => true,
    });
    if (headers.get(HEADER_NAME) !== HEADER_VALUE)
      throw new ForeignAnswerError(
        address,
        `answered HTTP ${status} without "${HEADER_NAME}: ${HEADER_VALUE}"`,
        status,
      );
    return { address, status, headers, text: await readText(data) };
  } catch (error) {
    throw simplify(error, address);
  } finally {
    // Ends what is left of an answer that was not read to its end.
    agent.destroy();
  }
}

/** The decompressed body. */
async function readText(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > MAX_BYTES) throw new Error("its answer is larger than 64 KiB");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8").trim();
}

/** A failure without gaxios' copy of the request, and without the URL in front of the reason. */
function simplify(error: unknown, address: string): unknown {
  const { cause } = Object(error) as gaxios.GaxiosError;
  const { type, code, message, name } = Object(cause ?? error);
  if (type === "no-redirect") return new ForeignAnswerError(address, "answered with a redirect");
  if (String(code).startsWith("HPE_"))
    return new ForeignAnswerError(address, `gave an answer that is not HTTP (${code})`);
  if (cause === undefined) return error;
  const reason = String(message).replace(/^request to .* failed, reason: /s, "");
  return Object.assign(new Error(reason || String(code)), { name, code });
}

export interface MetadataIdTokenRequest {
  /** `default`, or the email of an account that the workload has. */
  readonly serviceAccountEmail: string;
  readonly audience: string;
  readonly signal: AbortSignal;
}

/**
 * Asks the metadata server once for an ID token. In place of google-auth-library's `Compute`, which sends the request
 * through a proxy, follows redirects, and knows neither a signal nor a limit.
 */
export async function fetchMetadataIdToken(request: MetadataIdTokenRequest): Promise<string> {
  const { serviceAccountEmail, audience, signal } = request;
  const account = encodeURIComponent(serviceAccountEmail).replaceAll("%40", "@");
  const path = `instance/service-accounts/${account}/identity`;
  const { status, text, headers } = await requestMetadata({ path, params: { audience, format: "full" }, signal });
  if (status !== 200) throw new MetadataStatusError(status, text, retryAfterMs(headers.get("retry-after")));
  return text;
}

/** `Retry-After`: seconds, or an HTTP date (RFC 9110, 10.2.3). */
export function retryAfterMs(header: string | null): number | undefined {
  if (header === null) return undefined;
  const ms = /^\d+$/.test(header.trim()) ? Number(header) * 1_000 : new Date(header).getTime() - Date.now();
  return ms >= 0 ? ms : undefined;
}

/** Asks the metadata server once, for no longer than `ms`. The path is below `/computeMetadata/v1/`. */
export const askMetadata = (path: string, ms: number): Promise<MetadataAnswer> =>
  withTimeout(
    ms,
    (signal) => requestMetadata({ path, signal }),
    () => noAnswerWithin(ms),
  );

/** One value of the metadata server; undefined where it has none, or does not answer in time. */
export async function readMetadata(property: string, ms: number): Promise<string | undefined> {
  const answer = await askMetadata(property, ms).catch(() => undefined);
  return answer?.status === 200 && answer.text !== "" ? answer.text : undefined;
}

/** This machine's clock against a `Date` header that has just arrived. */
export function clockAhead(date: string | null | undefined): number | undefined {
  const ahead = Date.now() - new Date(date ?? Number.NaN).getTime();
  return Number.isNaN(ahead) ? undefined : ahead;
}
