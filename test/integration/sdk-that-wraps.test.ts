import { STSClient } from "@aws-sdk/client-sts";
import { createCredentialChain } from "@aws-sdk/credential-providers";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { GkeWorkloadIdentityProvider } from "../../src/index.js";
import { provide, REGION } from "../support/provide.js";
import { startTwoClouds, type TwoClouds } from "../support/two-clouds.js";

afterEach(() => vi.useRealTimers());

/** Older releases of the SDK know no `memoized` mark: they put their own cache around any function. */
const unmarked = (provider: GkeWorkloadIdentityProvider) => (properties?: object) => provider(properties);

const exchanges = ({ sts }: TwoClouds) => sts.requests.filter(({ action }) => action === "AssumeRoleWithWebIdentity");
const moveOn = (ms: number) => vi.useFakeTimers({ toFake: ["Date", "performance"], now: Date.now() + ms });

describe("an SDK that wraps the provider in a cache of its own", () => {
  it.each([
    ["because it is old", unmarked],
    ["because of a credential chain", (provider: GkeWorkloadIdentityProvider) => createCredentialChain(provider)],
  ])("%s, gets the cached session in its last five minutes, also while STS fails", async (_, wrap) => {
    await using clouds = await startTwoClouds();
    const client = new STSClient({ region: REGION, credentials: wrap(provide()) });
    const first = await client.config.credentials();
    moveOn(3_600_000 - 140_000);
    clouds.sts.injectFault({ kind: "error", code: "AccessDenied" });
    for (let request = 0; request < 5; request += 1) {
      expect(await client.config.credentials()).toMatchObject({ accessKeyId: first.accessKeyId });
    }
    await vi.waitFor(() => expect(exchanges(clouds)).toHaveLength(2));
  });

  it("makes no more exchanges than one for each session, whatever the number of clients", async () => {
    await using clouds = await startTwoClouds();
    const credentials = unmarked(provide());
    const clients = Array.from({ length: 10 }, () => new STSClient({ region: REGION, credentials }));
    await Promise.all(clients.map((client) => client.config.credentials()));
    expect(exchanges(clouds)).toHaveLength(1);
  });
});
