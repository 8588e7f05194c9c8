// @ts-check
// Unit tests with vitest and its fake clock. Nothing is mocked, and no request leaves the process.
import { fakeIdTokenProvider, fakeRoleAssumer } from "gke-aws-credentials/testing";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createDownloads } from "./downloads.mjs";

const roleArn = "arn:aws:iam::123456789012:role/downloads";

beforeEach(() => void vi.useFakeTimers({ now: new Date("2026-01-01T00:00:00Z") }));
afterEach(() => void vi.useRealTimers());

function setUp() {
  const roleAssumerWithWebIdentity = fakeRoleAssumer();
  const init = { roleArn, idTokenProvider: fakeIdTokenProvider(), roleAssumerWithWebIdentity };
  return { aws: roleAssumerWithWebIdentity, downloads: createDownloads({ bucket: "reports", ...init }) };
}

test("all links of a process are signed with one session", async () => {
  const { aws, downloads } = setUp();
  const links = await Promise.all(["a.pdf", "b.pdf"].map((key) => downloads.linkTo(key, 60)));
  expect(aws.calls).toHaveLength(1);
  for (const link of links) {
    expect(new URL(link).searchParams.get("X-Amz-Credential")).toMatch(/^ASIAFAKE000000000001\//);
  }
});

test("a link that would outlive the session is signed with a fresh one", async () => {
  const { aws, downloads } = setUp();
  await downloads.linkTo("a.pdf", 60);
  vi.advanceTimersByTime(30 * 60_000);
  const link = await downloads.linkTo("a.pdf", 45 * 60);
  expect(aws.calls).toHaveLength(2);
  expect(new URL(link).searchParams.get("X-Amz-Credential")).toMatch(/^ASIAFAKE000000000002\//);
});

test("a role that refuses is an error with a code and a hint", async () => {
  const { aws, downloads } = setUp();
  aws.failWith(
    Object.assign(new Error("Not authorized to perform sts:AssumeRoleWithWebIdentity"), { name: "AccessDenied" }),
    { times: 1 },
  );
  await expect(downloads.linkTo("a.pdf", 60)).rejects.toMatchObject({
    code: "STS_ACCESS_DENIED",
    hint: expect.stringContaining("accounts.google.com:oaud"),
  });
});

test("a role that is corrected works a second later", async () => {
  const { aws, downloads } = setUp();
  aws.failWith(Object.assign(new Error("Not authorized"), { name: "AccessDenied" }), { times: 1 });
  await expect(downloads.linkTo("a.pdf", 60)).rejects.toThrow("STS_ACCESS_DENIED");
  // For one second after a failure, calls get the same error, and STS is not called.
  await expect(downloads.linkTo("a.pdf", 60)).rejects.toThrow("STS_ACCESS_DENIED");
  await vi.advanceTimersByTimeAsync(1_000);
  await expect(downloads.linkTo("a.pdf", 60)).resolves.toContain("X-Amz-Signature=");
  expect(aws.calls).toHaveLength(2);
});
