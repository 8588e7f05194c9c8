import { expect, it } from "vitest";
import { fromGkeWorkloadIdentity } from "../src/index.js";
import { fakeIdTokenProvider } from "../src/testing/index.js";

it("ends a wait that nothing else limits at the time limit, and says what was waited for", async () => {
  const provider = fromGkeWorkloadIdentity({
    roleArn: "arn:aws:iam::123456789012:role/reader",
    idTokenProvider: fakeIdTokenProvider(),
    clientConfig: { region: () => new Promise<string>(() => {}) },
    timeoutMs: 50,
  });
  const error = await provider().catch((reason) => reason);
  expect(error.code).toBe("STS_UNREACHABLE");
  expect(error.message).toContain("no answer within timeoutMs, 50 ms");
  expect(error).not.toHaveProperty("cause");
});
