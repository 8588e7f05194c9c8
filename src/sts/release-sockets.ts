import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { ClientRequest } from "node:http";

/** The SDK marks each of its requests with an id of its own. */
const REQUEST_ID = "amz-sdk-invocation-id";
const REQUEST_STARTED = "http.client.request.start";

/**
 * Lets the process end while a request with these headers is in flight: its socket no longer keeps the process alive,
 * whichever handler made it. An agent that uses the socket again for another request makes it count again.
 *
 * @returns Ends the observation.
 */
export function releaseSockets(headers: Readonly<Record<string, string>>): () => void {
  const id = headers[REQUEST_ID];
  const onStart = (message: unknown): void => {
    const { request } = message as { readonly request: ClientRequest };
    if (id === undefined || request.getHeader(REQUEST_ID) !== id) return;
    if (request.socket) request.socket.unref();
    else request.once("socket", (socket) => socket.unref());
  };
  subscribe(REQUEST_STARTED, onStart);
  return () => unsubscribe(REQUEST_STARTED, onStart);
}
