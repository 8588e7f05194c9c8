import type { ClientRequest, IncomingMessage, RequestOptions } from "node:http";
import type { NodeHttpHandler } from "@smithy/node-http-handler";

/** The SDK's interface of request handlers, for HTTP/1.1. */
export type HttpHandler = ReturnType<typeof NodeHttpHandler.create>;

type HttpRequest = Parameters<HttpHandler["handle"]>[0];
export type HttpAnswer = Awaited<ReturnType<HttpHandler["handle"]>>;

/**
 * The request handler where neither the user nor the calling client brings one. Its sockets do not keep the process
 * alive, and it starts no timers: the SDK's own handler does both, for up to three seconds after the last request.
 */
export async function createHttpHandler(): Promise<HttpHandler> {
  const [http, https] = await Promise.all([import("node:http"), import("node:https")]);
  const httpAgent = new http.Agent({ keepAlive: true });
  const httpsAgent = new https.Agent({ keepAlive: true });

  const send = (options: RequestOptions, isSecure: boolean): ClientRequest =>
    isSecure ? https.request({ ...options, agent: httpsAgent }) : http.request({ ...options, agent: httpAgent });

  return {
    metadata: { handlerProtocol: "http/1.1" },
    handle: (request, { abortSignal } = {}) =>
      new Promise<HttpAnswer>((resolve, reject) => {
        const signal = abortSignal instanceof AbortSignal ? { signal: abortSignal } : {};
        const sent = send({ ...requestOptions(request), ...signal }, request.protocol === "https:");
        sent.on("socket", (socket) => socket.unref());
        sent.on("response", (answer) => resolve({ response: toResponse(answer) }));
        sent.on("error", reject);
        sent.end(request.body);
      }),
    updateHttpClientConfig: () => {},
    httpHandlerConfigs: () => ({}),
    destroy: () => {
      httpAgent.destroy();
      httpsAgent.destroy();
    },
  };
}

const requestOptions = ({ hostname, port, method, path, query, headers }: HttpRequest): RequestOptions => ({
  // Node takes an IPv6 address without its brackets.
  host: hostname.replace(/^\[(.*)\]$/, "$1"),
  ...(port !== undefined && { port }),
  method,
  path: path + toQueryString(query),
  headers,
});

/** STS's own endpoints have no query; an endpoint of the user's may. */
function toQueryString(query: HttpRequest["query"] = {}): string {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    [value].flat().map((item): [string, string] => [name, item ?? ""]),
  );
  return pairs.length === 0 ? "" : `?${new URLSearchParams(pairs)}`;
}

const toResponse = (answer: IncomingMessage): HttpAnswer["response"] =>
  ({
    statusCode: answer.statusCode ?? 0,
    reason: answer.statusMessage,
    headers: Object.fromEntries(
      Object.entries(answer.headers).map(([name, value]) => [name, [value].flat().join(", ")]),
    ),
    body: answer,
  }) as HttpAnswer["response"];
