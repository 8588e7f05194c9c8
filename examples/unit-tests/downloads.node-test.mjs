// @ts-check
// The same with node:test, which Node has built in.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fakeIdTokenProvider, fakeRoleAssumer } from "gke-aws-credentials/testing";
import { createDownloads } from "./downloads.mjs";

const roleArn = "arn:aws:iam::123456789012:role/downloads";

/** @param {import("gke-aws-credentials/testing").FakeRoleAssumerOptions} [options] */
function setUp(options) {
  const roleAssumerWithWebIdentity = fakeRoleAssumer(options);
  const init = { roleArn, idTokenProvider: fakeIdTokenProvider(), roleAssumerWithWebIdentity };
  return { aws: roleAssumerWithWebIdentity, downloads: createDownloads({ bucket: "reports", ...init }) };
}

test("all links of a process are signed with one session", async () => {
  const { aws, downloads } = setUp();
  const links = await Promise.all(["a.pdf", "b.pdf"].map((key) => downloads.linkTo(key, 60)));
  assert.equal(aws.calls.length, 1);
  for (const link of links) {
    assert.match(new URL(link).searchParams.get("X-Amz-Credential") ?? "", /^ASIAFAKE000000000001\//);
  }
});

test("a link that would outlive the session is signed with a fresh one", async () => {
  const { aws, downloads } = setUp({ lifetimeSeconds: 900 });
  await downloads.linkTo("a.pdf", 60);
  await downloads.linkTo("a.pdf", 3600);
  assert.equal(aws.calls.length, 2);
});

test("a role that refuses is an error with a code and a hint", async () => {
  const { aws, downloads } = setUp();
  aws.failWith(
    Object.assign(new Error("Not authorized to perform sts:AssumeRoleWithWebIdentity"), { name: "AccessDenied" }),
    { times: 1 },
  );
  await assert.rejects(downloads.linkTo("a.pdf", 60), {
    code: "STS_ACCESS_DENIED",
    hint: /accounts\.google\.com:oaud/,
  });
});
