import { Readable } from "node:stream";
import { describe, expect, it, vi } from "vitest";
import { guardHandler } from "../../src/sts/guard-handler.js";
import type { HttpHandler } from "../../src/sts/http-handler.js";

const request = { hostname: "sts", headers: {} } as Parameters<HttpHandler["handle"]>[0];
const MIB = 2 ** 20;

/** A handler that answers with this body, and the signals that it was given. */
function answering(body: unknown, statusCode = 200) {
  const signals: AbortSignal[] = [];
  const handle = async (_: unknown, { abortSignal }: { abortSignal: AbortSignal }) => {
    signals.push(abortSignal);
    return { response: { statusCode, headers: { a: "b" }, body } };
  };
  return { signals, handler: { handle, httpHandlerConfigs: () => ({ own: true }) } as unknown as HttpHandler };
}
const send = async (body: unknown, statusCode = 200) =>
  (await guardHandler(answering(body, statusCode).handler, () => undefined).handle(request)).response;
const textOf = async (body: unknown): Promise<string> => {
  let text = "";
  for await (const chunk of body as Readable) text += chunk;
  return text;
};

describe("guardHandler", () => {
  it("gives the answer on as it is when it is short", async () => {
    const response = await send(Readable.from([Buffer.from("<a>"), Buffer.from("</a>")]), 403);
    expect(response).toMatchObject({ statusCode: 403, headers: { a: "b" } });
    expect(await textOf(response.body)).toBe("<a></a>");
  });

  it("reads a web stream, and leaves a body alone that is in memory already", async () => {
    expect(await textOf((await send(new Blob(["<a/>"]).stream())).body)).toBe("<a/>");
    expect((await send("text")).body).toBe("text");
    expect((await send(undefined)).body).toBeUndefined();
  });

  it("reads 1 MiB, and ends the stream with an error of the answer's status when there is one byte more", async () => {
    const stream = (bytes: number) => Readable.from([Buffer.alloc(bytes, 32)]);
    expect((await textOf((await send(stream(MIB))).body)).length).toBe(MIB);
    const long = stream(MIB + 1);
    await expect(send(long, 503)).rejects.toMatchObject({ name: "RangeError", $metadata: { httpStatusCode: 503 } });
    expect(long.destroyed).toBe(true);
  });

  it("refuses an answer with a document type before anything parses it", async () => {
    await expect(send(Readable.from([Buffer.from("<!docTYPE a><a/>")]))).rejects.toThrow("document type");
  });

  it("refuses a value that no answer of STS holds, such as a text of 64 KiB", async () => {
    const xml = (text: string) => send(Readable.from([Buffer.from(`<a>${text}</a>`)]));
    await expect(xml("x".repeat(65_535))).resolves.toBeDefined();
    await expect(xml(" ".repeat(65_536))).resolves.toBeDefined();
    await expect(xml("x".repeat(65_536))).rejects.toThrow("too long");
  });

  it.each([
    ["values of almost 64 KiB", `<a>${"x".repeat(65_535)}</a>`.repeat(15)],
    ["elements", "<a>".repeat(MIB / 3)],
  ])("reads 1 MiB of %s in less than a second", async (_, answer) => {
    const start = performance.now();
    await send(Readable.from([Buffer.from(answer)]));
    expect(performance.now() - start).toBeLessThan(1_000);
  });

  it("ends the request and its stream when the signal of the call is aborted", async () => {
    const call = new AbortController();
    const endless = new Readable({ read() {} });
    const { handler, signals } = answering(endless);
    const outcome = guardHandler(handler, () => call.signal).handle(request);
    await vi.waitFor(() => expect(signals).toHaveLength(1));
    call.abort();
    await expect(outcome).rejects.toThrow();
    expect([signals[0]?.aborted, endless.destroyed]).toEqual([true, true]);
  });

  it("does not call the handler when the call has ended before", async () => {
    const { handler, signals } = answering("text");
    await expect(guardHandler(handler, () => AbortSignal.abort()).handle(request)).rejects.toThrow();
    expect(signals).toEqual([]);
  });

  it("ends a request after ten seconds when the handler gives no answer and ignores its signal", async () => {
    vi.useFakeTimers();
    const handler = { handle: () => new Promise(() => {}) } as unknown as HttpHandler;
    const outcome = expect(guardHandler(handler, () => undefined).handle(request)).rejects.toMatchObject({
      name: "TimeoutError",
    });
    await vi.advanceTimersByTimeAsync(11_000);
    await outcome;
    vi.useRealTimers();
  });

  it("keeps the settings of the STS client away from the handler", () => {
    const { handler } = answering("text");
    const updateHttpClientConfig = vi.fn();
    const guarded = guardHandler(Object.assign(handler, { updateHttpClientConfig }), () => undefined);
    guarded.updateHttpClientConfig("requestTimeout" as never, 1 as never);
    expect(updateHttpClientConfig).not.toHaveBeenCalled();
    expect(guarded.httpHandlerConfigs()).toEqual({ own: true });
  });
});
