import type { Agent } from "node:http";
import type { gaxios } from "google-auth-library";
import { loadPackage } from "../errors/load-package.js";
import { metadataAddresses } from "./metadata-address.js";
import { ForeignAnswerError } from "./metadata-failures.js";

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

type GoogleAuthLibrary = Pick<typeof import("google-auth-library"), "gaxios" | "gcpMetadata">;

const MAX_BYTES = 64 * 1_024;
/** No route to an IPv4 address: a machine that has IPv6 only. */
const NO_ROUTE: ReadonlySet<unknown> = new Set(["ENETUNREACH", "EHOSTUNREACH", "EADDRNOTAVAIL", "EAFNOSUPPORT"]);

/**
 * Loads google-auth-library, whose HTTP client and address are used.
 *
 * @throws GkeWorkloadIdentityError `INVALID_CONFIGURATION`, which says that loading failed.
 */
export const loadGoogleAuth = (): Promise<GoogleAuthLibrary> =>
  loadPackage("google-auth-library", import("google-auth-library"));

/**
 * Asks the metadata server once. Every read of metadata goes through this function: never through a proxy, whatever the
 * environment says, since a proxy on Google Cloud would answer with its own identity; without redirects, with a limit on
 * the answer, and only an answer of Google's is given back. Its sockets do not keep the process alive.
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
  const agent = await createAgent(address);
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
    if (headers.get(HEADER_NAME) !== HEADER_VALUE) {
      throw new ForeignAnswerError(address, `HTTP status ${status} without the header ${HEADER_NAME}: ${HEADER_VALUE}`);
    }
    return { address, status, headers, text: await readText(data) };
  } catch (error) {
    throw simplify(error, address);
  } finally {
    // Ends what is left of an answer that was not read to its end.
    agent.destroy();
  }
}

/** An agent for one request, without the settings that Node gives its global agent (NODE_USE_ENV_PROXY). */
async function createAgent(address: string): Promise<Agent> {
  const { Agent } = await (address.startsWith("https:") ? import("node:https") : import("node:http"));
  const agent = new Agent();
  const connect = agent.createConnection;
  agent.createConnection = (...args) => {
    const socket = connect.apply(agent, args);
    if (socket && "unref" in socket && typeof socket.unref === "function") socket.unref();
    return socket;
  };
  return agent;
}

/** The decompressed body. */
async function readText(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > MAX_BYTES) throw new Error("its answer is larger than 64 KiB.");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8").trim();
}

/** A failure without gaxios' copy of the request, and without the URL in front of the reason. */
function simplify(error: unknown, address: string): unknown {
  const { cause } = Object(error) as gaxios.GaxiosError;
  const { type, code, message, name } = Object(cause ?? error);
  if (type === "no-redirect") return new ForeignAnswerError(address, "a redirect");
  if (String(code).startsWith("HPE_")) return new ForeignAnswerError(address, `an answer that is not HTTP (${code})`);
  if (cause === undefined) return error;
  const reason = String(message).replace(/^request to .* failed, reason: /s, "");
  return Object.assign(new Error(reason || String(code)), { name, code });
}
