import type { gaxios } from "google-auth-library";
import { invalidConfiguration, loadPackage } from "../errors/create-error.js";
import { withTimeout } from "../lib/time.js";

type GoogleAuthLibrary = Pick<typeof import("google-auth-library"), "gaxios" | "gcpMetadata">;

/** Loaded on first use. Its HTTP client, the server's address and the names of headers are used. */
export const loadGoogleAuth = (): Promise<GoogleAuthLibrary> =>
  loadPackage("google-auth-library", import("google-auth-library"));

/** On a machine without IPv4. See https://cloud.google.com/compute/docs/metadata/querying-metadata */
const IPV6_ADDRESS = "http://[fd20:ce::254]";
/** A host with or without a scheme, a port and a path. The path is left out, as gcp-metadata does. */
const ADDRESS = /^(?:(https?):\/\/)?([^/]*)(?:\/(?!\/).*)?$/i;
const BARE_IPV6 = /^[0-9a-f]*:[0-9a-f.]*:[0-9a-f:.]*$/i;

/** The variables that name a metadata server in place of the well-known address. As in gcp-metadata, the first one counts. */
export const metadataHostVariables = (env: NodeJS.ProcessEnv = process.env): readonly string[] =>
  ["GCE_METADATA_IP", "GCE_METADATA_HOST"].filter((name) => env[name]?.trim());

/** The origins to ask: the one in the environment, else the well-known IPv4 address and then the IPv6 address. */
export function metadataAddresses(wellKnown: string, env: NodeJS.ProcessEnv = process.env): readonly string[] {
  const [name] = metadataHostVariables(env);
  if (name === undefined) return [wellKnown, IPV6_ADDRESS];
  const value = env[name]?.trim() ?? "";
  const [, scheme = "http", host = ""] = ADDRESS.exec(value) ?? [];
  const url = `${scheme}://${BARE_IPV6.test(host) ? `[${host}]` : host}`;
  if (URL.canParse(url)) return [new URL(url).origin];
  throw invalidConfiguration(
    `${name} is ${JSON.stringify(value)}, but must be a host, with or without a port, such as 169.254.169.254`,
  );
}

/** Something answered at the metadata server's address, but not as Google's server does. */
export class ForeignAnswerError extends Error {
  override readonly name = "ForeignAnswerError";
  readonly status?: number;
}

/** No route to an IPv4 address: a machine that has IPv6 only. */
const NO_ROUTE: ReadonlySet<unknown> = new Set(["ENETUNREACH", "EHOSTUNREACH", "EADDRNOTAVAIL", "EAFNOSUPPORT"]);

/**
 * Asks the metadata server once. All metadata is read here: never through a proxy, whatever the environment says, since a
 * proxy on Google Cloud would answer with its own identity; without redirects, and with a limit on the answer.
 *
 * @param path - Below `/computeMetadata/v1/`, with its query.
 */
export async function requestMetadata(path: string, signal: AbortSignal) {
  const library = await loadGoogleAuth();
  let noRoute: unknown;
  for (const address of metadataAddresses(library.gcpMetadata.HOST_ADDRESS)) {
    try {
      return await requestAt(address, path, signal, library);
    } catch (error) {
      if (!NO_ROUTE.has(Object(error).code)) throw error;
      noRoute ??= error;
    }
  }
  throw noRoute;
}

/** The same for no longer than `ms`. */
export const askMetadata = (path: string, ms: number) => withTimeout(ms, (signal) => requestMetadata(path, signal));

async function requestAt(
  address: string,
  path: string,
  signal: AbortSignal,
  { gaxios, gcpMetadata }: GoogleAuthLibrary,
) {
  const { HEADER_NAME, HEADER_VALUE } = gcpMetadata;
  // Loaded here, because that takes as long as importing this package.
  const http = address.startsWith("https:") ? import("node:https") : import("node:http");
  const { Agent } = await loadPackage<{ Agent: typeof import("node:http").Agent }>("node:http", http);
  const agent = new Agent();
  try {
    // A client of its own: settings and interceptors of the shared one, such as loggers, do not reach it.
    const { status, headers, data } = await new gaxios.Gaxios().request<AsyncIterable<Uint8Array>>({
      url: `${address}${gcpMetadata.BASE_PATH}/${path}`,
      headers: { [HEADER_NAME]: HEADER_VALUE },
      // With an agent given, gaxios looks at no proxy variable.
      agent,
      signal,
      redirect: "error",
      retry: false,
      responseType: "stream",
      validateStatus: () => true,
    });
    if (headers.get(HEADER_NAME) !== HEADER_VALUE) {
      const text = `${new URL(address).host} answered HTTP ${status} without "${HEADER_NAME}: ${HEADER_VALUE}"`;
      throw Object.assign(new ForeignAnswerError(text), { status });
    }
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
  let left = 64 * 1_024;
  for await (const chunk of body) {
    left -= chunk.length;
    if (left < 0) throw new Error("its answer is larger than 64 KiB");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8").trim();
}

/** A failure without gaxios' copy of the request, and without the URL in front of the reason. */
function simplify(error: unknown, address: string): unknown {
  const { cause } = Object(error) as gaxios.GaxiosError;
  const { type, code, message, name } = Object(cause ?? error);
  if (type === "no-redirect") return new ForeignAnswerError(`${address} answered with a redirect`);
  if (cause === undefined) return error;
  const reason = String(message).replace(/^request to .* failed, reason: /s, "");
  return Object.assign(new Error(reason || String(code)), { name, code });
}

/**
 * Asks the metadata server once for an ID token of `default`, or of the account with this email. Where the server refuses,
 * the error has its `status`, and as `retryAfterMs` how long it asks to wait.
 */
export async function fetchMetadataIdToken(email: string, audience: string, signal: AbortSignal): Promise<string> {
  const account = encodeURIComponent(email).replaceAll("%40", "@");
  const query = new URLSearchParams({ audience, format: "full" });
  const path = `instance/service-accounts/${account}/identity?${query}`;
  const { status, text, headers } = await requestMetadata(path, signal);
  if (status === 200) return text;
  const facts = { status, retryAfterMs: retryAfterMs(headers.get("retry-after")) };
  throw Object.assign(new Error(text || `HTTP status ${status}`), facts);
}

/** `Retry-After`: seconds, or an HTTP date (RFC 9110, 10.2.3). */
export function retryAfterMs(header: string | null): number | undefined {
  const isSeconds = /^\s*\d+\s*$/.test(header ?? "");
  const ms = isSeconds ? Number(header) * 1_000 : new Date(header ?? "").getTime() - Date.now();
  return ms >= 0 ? ms : undefined;
}

/** One value of the metadata server; undefined where it has none, or does not answer in time. */
export async function readMetadata(property: string, ms: number): Promise<string | undefined> {
  const answer = await askMetadata(property, ms).catch(() => undefined);
  return answer?.status === 200 && answer.text !== "" ? answer.text : undefined;
}
