import { AsyncLocalStorage } from "node:async_hooks";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { ClientRequest, IncomingMessage } from "node:http";

const REQUEST_START = "http.client.request.start";

/** How the last HTTP request ended, if not well; undefined while one is waiting for its answer. */
export type HttpFailure = Error | { readonly status: number; readonly message: string } | undefined;

/**
 * Runs `work` so that the HTTP requests it makes end with `signal`, for a library that takes no signal itself:
 * google-auth-library waits for the metadata server without limit, and an abandoned request would hold its socket, and
 * the process, open. `onState` hears of failures that such a library keeps to itself while it retries.
 */
export async function withCancellableHttp<T>(
  signal: AbortSignal,
  onState: (failure: HttpFailure) => void,
  work: () => Promise<T>,
): Promise<T> {
  const mine = new AsyncLocalStorage<true>();
  const requests = new Set<ClientRequest>();
  // gaxios does not retry a request that ends with this code.
  const end = (request: ClientRequest): unknown =>
    request.destroy(Object.assign(new Error("the time limit was reached"), { code: "AbortError" }));

  const onStart = (message: unknown): void => {
    if (!mine.getStore()) return;
    const { request } = message as { request: ClientRequest };
    requests.add(request);
    onState(undefined);
    request.once("error", onState);
    request.once("response", ({ statusCode: status = 0 }: IncomingMessage) => {
      if (status >= 400) onState({ status, message: `HTTP status ${status}` });
    });
    request.once("close", () => requests.delete(request));
    if (signal.aborted) end(request);
  };
  const onAbort = (): void => requests.forEach(end);

  subscribe(REQUEST_START, onStart);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await mine.run(true, work);
  } finally {
    signal.removeEventListener("abort", onAbort);
    unsubscribe(REQUEST_START, onStart);
    mine.disable();
  }
}
