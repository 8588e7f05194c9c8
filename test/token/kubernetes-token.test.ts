import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { fakeIdTokenProvider } from "../../src/testing/index.js";
import { readKubernetesToken } from "../../src/token/workload.js";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "pod-"));
});
afterEach(() => rm(directory, { recursive: true }));

const write = (text: string) => writeFile(join(directory, "token"), text);
const tokenWith = (claims: Record<string, unknown>) => fakeIdTokenProvider({ claims }).fetchIdToken("k8s");

describe("readKubernetesToken", () => {
  it("gives issuer and subject", async () => {
    await write(`${await tokenWith({ iss: "https://kubernetes.default.svc", sub: "system:serviceaccount:a:b" })}\n`);
    expect(await readKubernetesToken(directory)).toEqual({
      iss: "https://kubernetes.default.svc",
      sub: "system:serviceaccount:a:b",
    });
  });

  it("leaves out what is not text", async () => {
    await write(await tokenWith({ iss: { toString: 1 }, sub: ["x"] }));
    expect(await readKubernetesToken(directory)).toEqual({ iss: undefined, sub: undefined });
  });

  it("gives nothing when there is no token, or it is no token", async () => {
    expect(await readKubernetesToken(directory)).toBeUndefined();
    await write("not a token");
    expect(await readKubernetesToken(directory)).toBeUndefined();
  });
});
