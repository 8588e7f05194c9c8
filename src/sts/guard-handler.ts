import { TimeoutError, withTimeout } from "../lib/deadline.js";
import type { HttpAnswer, HttpHandler } from "./http-handler.js";
import { releaseSockets } from "./release-sockets.js";

/** One HTTP request, from the connection to the end of the answer, is cut here. */
const REQUEST_MS = 10_000;
const MAX_ANSWER_BYTES = 2 ** 20;
/** STS's answers never hold one. The SDK's XML parser takes minutes for a megabyte of them. */
const DOCUMENT_TYPE = /<!doctype/i;
/** A value of STS, such as a session token, has a few thousand characters. The parser needs 150 bytes for each. */
const MAX_TEXT_LENGTH = 65_535;

/**
 * Puts limits around a request handler, whoever made it: a request ends within 10 s, or with the signal of `currentCall`
 * if that comes first, and its answer is read to its end, up to 1 MiB. The handler may belong to the calling client, so
 * the settings of the STS client are kept away from it.
 */
export function guardHandler(handler: HttpHandler, currentCall: () => AbortSignal | undefined): HttpHandler {
  const handle: HttpHandler["handle"] = (request, options) => {
    const call = currentCall();
    const send = async (ofRequest: AbortSignal): Promise<HttpAnswer> => {
      const abortSignal = firstOf(call ? [ofRequest, call] : [ofRequest]);
      abortSignal.throwIfAborted();
      const endRelease = releaseSockets(request.headers);
      try {
        const { response } = await handler.handle(request, { ...options, abortSignal });
        return {
          response: { ...response, body: await readAnswer(response, abortSignal) } as HttpAnswer["response"],
        };
      } finally {
        endRelease();
      }
    };
    return withTimeout(REQUEST_MS, send, () => new TimeoutError(`no answer within ${REQUEST_MS} ms.`));
  };
  return {
    ...(handler.metadata && { metadata: handler.metadata }),
    handle,
    updateHttpClientConfig: () => {},
    httpHandlerConfigs: () => handler.httpHandlerConfigs(),
  };
}

/** Aborts with the first of these. `AbortSignal.any` came with Node 20.3. */
function firstOf(signals: readonly AbortSignal[]): AbortSignal {
  const controller = new AbortController();
  const abort = (): void => controller.abort();
  for (const signal of signals) {
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
  }
  return controller.signal;
}

/** Reads a stream to its end. A body that is no stream is already in memory, and stays as it is. */
async function readAnswer(response: HttpAnswer["response"], signal: AbortSignal): Promise<unknown> {
  const { statusCode, reason, body } = response;
  if (!isStream(body)) return body;
  // As the SDK marks the errors that it makes of an answer.
  const refuse = (error: Error): Error =>
    Object.assign(error, { $metadata: { httpStatusCode: statusCode }, $response: { statusCode, reason } });
  // Not every handler ends its stream with the signal.
  signal.addEventListener("abort", () => body.destroy?.(), { once: true });
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    const bytes = Buffer.from(chunk as Uint8Array);
    size += bytes.length;
    // Leaving the loop ends the stream, and with it the connection.
    if (size > MAX_ANSWER_BYTES) throw refuse(new RangeError(`The answer is longer than ${MAX_ANSWER_BYTES} bytes.`));
    chunks.push(bytes);
  }
  const answer = Buffer.concat(chunks);
  const hostile = hostileIn(answer.toString("latin1"));
  if (hostile !== undefined) throw refuse(new SyntaxError(hostile));
  const { Readable } = await import("node:stream");
  return Readable.from([answer]);
}

/** What in a text would cost the SDK's XML parser much time or memory. */
function hostileIn(text: string): string | undefined {
  if (DOCUMENT_TYPE.test(text)) return "The answer declares a document type.";
  // Not a pattern for a long run: it would start again at each character, which takes minutes for a megabyte.
  const isLong = text.split(/[<>]/).some((part) => part.length > MAX_TEXT_LENGTH && part.trim() !== "");
  return isLong ? "The answer holds a value that is too long." : undefined;
}

const isStream = (body: unknown): body is AsyncIterable<unknown> & { readonly destroy?: () => void } =>
  typeof body === "object" && body !== null && Symbol.asyncIterator in body;
