import { describe, expect, it } from "vitest";
import type { FromGkeWorkloadIdentityInit } from "../../src/index.js";
import { resolveOptions } from "../../src/options/resolve-options.js";
import type { CallerClientConfig } from "../../src/sts/resolve-regions.js";
import { createStsClients } from "../../src/sts/sts-clients.js";

const params = { RoleArn: "arn:aws:iam::123456789012:role/reader", RoleSessionName: "s", WebIdentityToken: "token" };

/** A handler that fails, and the hosts that it was asked for. */
function createHandler(metadata: object = {}) {
  const hosts: string[] = [];
  const handle = async ({ hostname }: { hostname: string }) => {
    hosts.push(hostname);
    throw new Error("no network");
  };
  return { hosts, handler: { handle, metadata, httpHandlerConfigs: () => ({}) } as never };
}

function setUp(init: FromGkeWorkloadIdentityInit = {}) {
  const clients = createStsClients(resolveOptions(init));
  const take = (callerClientConfig?: CallerClientConfig, region = "us-east-1") =>
    clients.take({ region, maxAttempts: 1, callerClientConfig });
  const call = async (callerClientConfig?: CallerClientConfig) => {
    const { client, giveBack } = await take(callerClientConfig);
    await client
      .begin(new AbortController().signal)(params)
      .catch(() => {});
    giveBack();
    return client;
  };
  return { take, call };
}

describe("createStsClients", () => {
  it("gives the same client again when it was given back, and another one when it was not", async () => {
    const { take } = setUp();
    const first = await take();
    const second = await take();
    expect(second.client).not.toBe(first.client);
    second.giveBack();
    expect((await take()).client).toBe(second.client);
  });

  it("makes one client for each region", async () => {
    const { take } = setUp();
    const first = await take(undefined, "us-east-1");
    first.giveBack();
    expect((await take(undefined, "eu-west-1")).client).not.toBe(first.client);
  });

  it("never uses the handler of one calling client for another", async () => {
    const [a, b] = [createHandler(), createHandler()];
    const { call } = setUp();
    const ofA = await call({ requestHandler: a.handler });
    const ofB = await call({ requestHandler: b.handler });
    expect(ofA).not.toBe(ofB);
    expect(await call({ requestHandler: a.handler })).toBe(ofA);
    expect([a.hosts.length, b.hosts.length]).toEqual([2, 1]);
  });

  it("uses the handler of clientConfig before the calling client's, and no handler for HTTP/2", async () => {
    const [configured, callers, http2] = [createHandler(), createHandler(), createHandler({ handlerProtocol: "h2" })];
    await setUp({ clientConfig: { requestHandler: configured.handler } }).call({ requestHandler: callers.handler });
    await setUp({ clientConfig: { endpoint: "http://127.0.0.1:1" } }).call({ requestHandler: http2.handler });
    expect([configured.hosts.length, callers.hosts.length, http2.hosts.length]).toEqual([1, 0, 0]);
  });

  it.each([
    ["FIPS", { useFipsEndpoint: async () => true }, "sts-fips.us-east-1.amazonaws.com"],
    ["dual stack", { useDualstackEndpoint: async () => true }, "sts.us-east-1.api.aws"],
    [
      "neither",
      { useFipsEndpoint: async () => Promise.reject(new Error("no setting")) },
      "sts.us-east-1.amazonaws.com",
    ],
  ])("takes over %s from the calling client", async (_, callers, host) => {
    const { handler, hosts } = createHandler();
    await setUp().call({ requestHandler: handler, ...callers });
    expect(hosts).toEqual([host]);
  });

  it("keeps what clientConfig says of FIPS, and does not take undefined for a value", async () => {
    const { handler, hosts } = createHandler();
    const caller = { requestHandler: handler, useFipsEndpoint: async () => true };
    await setUp({ clientConfig: { useFipsEndpoint: false } }).call(caller);
    await setUp({ clientConfig: { useFipsEndpoint: undefined } as never }).call(caller);
    expect(hosts).toEqual(["sts.us-east-1.amazonaws.com", "sts-fips.us-east-1.amazonaws.com"]);
  });
});
