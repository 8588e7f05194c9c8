import { once } from "node:events";
import { get } from "node:http";
import { describe, expect, it } from "vitest";
import { startAwsSts, startGoogleMetadataServer } from "../../src/testing/index.js";
import { type HttpFailure, withCancellableHttp } from "../../src/token/cancel-http.js";

/** A request as a library makes it that takes no signal. */
const request = (url: string) =>
  new Promise<number | undefined>((resolve, reject) => {
    get(url, { agent: false }, (response) => resolve(response.resume().statusCode)).on("error", reject);
  });

describe("withCancellableHttp", () => {
  it("gives what the work gives, and leaves requests alone that end in time", async () => {
    await using server = await startGoogleMetadataServer();
    const states: HttpFailure[] = [];
    const { signal } = new AbortController();
    expect(
      await withCancellableHttp(
        signal,
        (state) => states.push(state),
        () => request(server.url),
      ),
    ).toBe(200);
    expect(states).toEqual([undefined]);
  });

  it("ends a request that waits for its answer when the signal ends", async () => {
    await using server = await startAwsSts({ jwksUri: "http://127.0.0.1:1/", roles: [] });
    server.injectFault({ kind: "hang" });
    const controller = new AbortController();
    const work = withCancellableHttp(
      controller.signal,
      () => setTimeout(() => controller.abort(), 50),
      () => request(server.url),
    );
    await expect(work).rejects.toMatchObject({ code: "AbortError" });
  });

  it("ends a request that begins after the signal has ended, and touches no other", async () => {
    await using server = await startGoogleMetadataServer();
    const controller = new AbortController();
    const work = withCancellableHttp(
      controller.signal,
      () => {},
      async () => {
        await once(controller.signal, "abort");
        return request(server.url);
      },
    );
    controller.abort();
    const elsewhere = request(server.url);
    await expect(work).rejects.toMatchObject({ code: "AbortError" });
    await expect(elsewhere).resolves.toBe(200);
  });

  it("tells of failures that the work keeps to itself", async () => {
    await using server = await startGoogleMetadataServer();
    const states: HttpFailure[] = [];
    await withCancellableHttp(
      new AbortController().signal,
      (state) => states.push(state),
      async () => {
        await request(`${server.url}/nothing`);
        await server.refuseConnections();
        await request(server.url).catch(() => {});
      },
    );
    expect(states).toEqual([
      undefined,
      { status: 403, message: "HTTP status 403" },
      undefined,
      expect.objectContaining({ code: "ECONNREFUSED" }),
    ]);
  });
});
