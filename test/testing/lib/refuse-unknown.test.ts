import { describe, expect, it } from "vitest";
import {
  fakeIdTokenProvider,
  fakeRoleAssumer,
  startAwsSts,
  startClusterIssuer,
  startGoogleMetadataServer,
} from "../../../src/testing/index.js";

const roles = [{ arn: "arn:aws:iam::123456789012:role/reader", trustPolicy: { Statement: [] } }];
const misspelt = (value: object) => value as object;

describe("a testing server or a fake", () => {
  it.each<[message: string, start: () => unknown]>([
    [
      'Unknown option "tokenLifeTime" of startGoogleMetadataServer. Did you mean "tokenLifetimeSeconds"?',
      () => startGoogleMetadataServer(misspelt({ tokenLifeTime: 60 })),
    ],
    [
      'Unknown option "uniqueID" of serviceAccount. Did you mean "uniqueId"?',
      () => startGoogleMetadataServer({ serviceAccount: { uniqueID: "1" } as never }),
    ],
    [
      'Unknown option "isuer" of startClusterIssuer. Did you mean "issuer"?',
      () => startClusterIssuer(misspelt({ isuer: "" })),
    ],
    [
      'Unknown option "sessionSecond" of startAwsSts. Did you mean "sessionSeconds"?',
      () => startAwsSts({ roles, ...misspelt({ sessionSecond: 2 }) }),
    ],
    [
      'Unknown option "maxSessionDurations" of a role of startAwsSts. Did you mean "maxSessionDuration"?',
      () => startAwsSts({ roles: [{ ...roles[0]!, ...misspelt({ maxSessionDurations: 900 }) }] }),
    ],
    [
      'Unknown option "clientIDs" of an OIDC provider of startAwsSts. Did you mean "clientIds"?',
      () => startAwsSts({ roles, oidcProviders: [{ arn: "arn", clientIDs: [] } as never] }),
    ],
    [
      'Unknown option "claim" of fakeIdTokenProvider. Did you mean "claims"?',
      async () => fakeIdTokenProvider(misspelt({ claim: {} })),
    ],
    [
      'Unknown option "lifetime" of fakeRoleAssumer. Did you mean "lifetimeSeconds"?',
      async () => fakeRoleAssumer(misspelt({ lifetime: 60 })),
    ],
  ])("refuses a misspelt option: %s", async (message, start) => {
    await expect(start()).rejects.toThrow(new TypeError(message));
  });

  it("refuses a misspelt fault, an option that the fault does not have, and a misspelt number of times", async () => {
    await using sts = await startAwsSts({ roles });
    await using metadata = await startGoogleMetadataServer();
    await using cluster = await startClusterIssuer();
    await using token = cluster.projectToken();
    for (const server of [sts, metadata, cluster]) {
      const inject =
        (fault: object, options: object = {}) =>
        () =>
          server.injectFault(fault as never, options);
      expect(inject({ kind: "hnag" })).toThrow('Unknown fault "hnag". Did you mean "hang"?');
      expect(inject({ kind: "status", code: 503 })).toThrow('Unknown option "code" of the fault "status"');
      expect(inject({ kind: "hang", ms: 5 })).toThrow('Unknown option "ms" of the fault "hang". It has none.');
      expect(inject({ kind: "hang" }, { time: 1 })).toThrow('Unknown option "time" of a fault. Did you mean "times"?');
      expect(inject({ kind: "hang" }, 2 as never)).toThrow("Give { times: 2 } in place of 2.");
    }
    expect(() => token.injectFault({ kind: "halfwriten" } as never)).toThrow('Did you mean "halfWritten"?');
    expect(() => cluster.projectToken(misspelt({ nameSpace: "shop" }))).toThrow('Did you mean "namespace"?');
  });
});
