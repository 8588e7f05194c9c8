import { type ClientRequest, Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import type { NodeHttpHandler } from "@smithy/node-http-handler";
import type { AgentConnectOpts } from "agent-base";
import { loadPackage as load } from "../errors/create-error.js";

const CONNECT_MS = 10_000;
/** No call of STS takes longer. */
const CALL_MS = 60_000;

/** The lower case first, as the AWS CLI does. */
const read = (name: string): string => process.env[name] || process.env[name.toUpperCase()] || "";

function readProxy(variable: string): URL | undefined {
  const value = read(variable);
  if (!value) return undefined;
  const text = /^\w+:\/\//.test(value) ? value : `http://${value}`;
  const proxy = URL.canParse(text) ? new URL(text) : undefined;
  if (proxy && /^https?:$/.test(proxy.protocol)) return proxy;
  // Its value may hold a password.
  throw new Error(`${variable.toUpperCase()} is not the URL of an HTTP proxy, such as http://proxy.example:3128.`);
}

/**
 * The proxy for a URL by `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, as the AWS CLI reads them; undefined where there is
 * none. An entry of `NO_PROXY` is a host, with or without a port; it stands for its subdomains too.
 *
 * @throws Error where the variable is not the URL of a proxy.
 */
export function proxyFor(url: URL): URL | undefined {
  const names = [url.hostname, `${url.hostname}:${url.port || (url.protocol === "https:" ? 443 : 80)}`];
  const isExempt = (entry: string): boolean =>
    entry === "*" || names.some((name) => name === entry || name.endsWith(`.${entry}`));
  const entries = read("no_proxy")
    .toLowerCase()
    .split(/[,\s]+/);
  if (entries.some((entry) => isExempt(entry.replace(/^\*?\./, "")))) return undefined;
  return readProxy(`${url.protocol.slice(0, -1)}_proxy`);
}

/** As a header: with `DEBUG` set, the package prints the URL that it is given. */
function authorizationOf({ username, password }: URL): Record<string, string> {
  const user = decodeURIComponent(`${username}:${password}`);
  return username ? { "Proxy-Authorization": `Basic ${Buffer.from(user).toString("base64")}` } : {};
}

/**
 * A request handler whose connections go through the proxy of their URL, by CONNECT. `onProxy` is told of each proxy that is
 * used, without its password. Undefined where no variable names a proxy: then the packages for it are not loaded.
 *
 * @throws Error where a variable is not the URL of a proxy.
 */
export async function createProxyHandler(
  onProxy: (proxy: string) => void = () => {},
): Promise<NodeHttpHandler | undefined> {
  if (["https_proxy", "http_proxy"].map(readProxy).every((proxy) => proxy === undefined)) return undefined;
  const [{ NodeHttpHandler }, { Agent }, { HttpsProxyAgent }] = await Promise.all([
    load("@smithy/node-http-handler", import("@smithy/node-http-handler")),
    load("agent-base", import("agent-base")),
    load("https-proxy-agent", import("https-proxy-agent")),
  ]);
  class ChosenAgent extends Agent {
    override async connect(_: ClientRequest, { secureEndpoint, host, port }: AgentConnectOpts) {
      const proxy = proxyFor(new URL(`${secureEndpoint ? "https" : "http"}://${host}:${port}`));
      if (!proxy) return secureEndpoint ? new HttpsAgent() : new HttpAgent();
      const address = `${proxy.protocol}//${proxy.host}`;
      onProxy(address);
      // Node ends the connection then, also one that the proxy keeps waiting.
      return new HttpsProxyAgent(address, { signal: AbortSignal.timeout(CALL_MS), headers: authorizationOf(proxy) });
    }
  }
  const agent = new ChosenAgent();
  return new NodeHttpHandler({
    // Of Node's kinds of agents only in name: it serves both protocols.
    httpAgent: agent,
    httpsAgent: agent as unknown as HttpsAgent,
    connectionTimeout: CONNECT_MS,
    requestTimeout: CALL_MS,
    throwOnRequestTimeout: true,
  });
}
