import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { afterEach, describe, expect, it, vi } from "vitest";
import { fromGkeWorkloadIdentity, type GkeWorkloadIdentityEvent } from "../../src/index.js";
import { ROLE_ARN, startTwoClouds } from "../support/two-clouds.js";

afterEach(() => vi.unstubAllEnvs());

const refused = () => Promise.reject(Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" }));
/** The handler of a client whose proxy is down. */
const brokenHandler = () => ({ handle: refused, metadata: { handlerProtocol: "http/1.1" } }) as never;

describe("clients that share a provider", () => {
  it("do not fail by the broken handler of another one", async () => {
    await using _clouds = await startTwoClouds();
    const credentials = fromGkeWorkloadIdentity({ timeoutMs: 3_000 });
    const broken = new STSClient({ region: "us-east-1", credentials, requestHandler: brokenHandler(), maxAttempts: 1 });
    const well = new STSClient({ region: "us-east-1", credentials, requestHandler: new NodeHttpHandler() });
    const ask = (client: STSClient) => client.send(new GetCallerIdentityCommand({}));
    const failing = Promise.allSettled(Array.from({ length: 20 }, () => ask(broken)));
    const began = performance.now();
    await Promise.all(Array.from({ length: 20 }, () => ask(well)));
    expect(performance.now() - began).toBeLessThan(2_500);
    await failing;
  });

  it("get errors of their own, so that one that is changed is not another's", async () => {
    await using clouds = await startTwoClouds();
    clouds.sts.injectFault({ kind: "error", code: "AccessDenied" });
    const credentials = fromGkeWorkloadIdentity({ clientConfig: { region: "us-east-1" } });
    const outcomes = await Promise.allSettled([credentials(), credentials()]);
    const [first, second] = outcomes.map((outcome) => (outcome as PromiseRejectedResult).reason);
    Object.assign(first, { code: "AUTH_SWITCH_PLUGIN_ERROR", fatal: true });
    expect(second).toMatchObject({ code: "STS_ACCESS_DENIED", hint: first.hint, message: first.message });
    expect(second).not.toHaveProperty("fatal");
    first.cause.message = "changed";
    expect(second.cause.message).not.toBe("changed");
  });
});

describe("every event", () => {
  it("names the role, so that two providers can be told apart", async () => {
    await using _clouds = await startTwoClouds();
    const events: GkeWorkloadIdentityEvent[] = [];
    const options = {
      clientConfig: { region: "us-east-1" },
      onEvent: (event: GkeWorkloadIdentityEvent) => events.push(event),
    };
    const other = "arn:aws:iam::123456789012:role/nobody";
    await fromGkeWorkloadIdentity({ ...options, roleArn: other })().catch(() => {});
    await fromGkeWorkloadIdentity(options)();
    expect(events.map(({ type, roleArn }) => [type, roleArn])).toEqual([
      ["refreshStarted", other],
      ["refreshFailed", other],
      ["refreshStarted", ROLE_ARN],
      ["refreshSucceeded", ROLE_ARN],
    ]);
  });
});
