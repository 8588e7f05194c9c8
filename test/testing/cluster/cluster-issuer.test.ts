import { existsSync, lstatSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { startClusterIssuer } from "../../../src/testing/index.js";
import { readClaims as readIdTokenClaims } from "../../../src/token/check-token.js";
import { useDirectory } from "../../support/use-directory.js";

const path = useDirectory();
const read = (file: string) => readFileSync(file, "utf8");

describe("startClusterIssuer", () => {
  it("publishes its keys and its discovery document, and answers with faults when told to", async () => {
    await using cluster = await startClusterIssuer({ issuer: (url) => `${url}/cluster` });
    expect(cluster.issuer).toBe(`${cluster.url}/cluster`);
    const discovery = `${cluster.url}/.well-known/openid-configuration`;
    expect(await (await fetch(discovery)).json()).toMatchObject({ issuer: cluster.issuer, jwks_uri: cluster.jwksUri });
    expect(await (await fetch(cluster.jwksUri)).json()).toMatchObject({ keys: [{ kty: "RSA", alg: "RS256" }] });
    expect((await fetch(`${cluster.url}/nothing`)).status).toBe(404);
    cluster.injectFault({ kind: "status", status: 503 }, { times: 1 });
    const statuses = [await fetch(cluster.jwksUri), await fetch(cluster.jwksUri)].map(({ status }) => status);
    expect(statuses).toEqual([503, 200]);
  });

  it("names itself as GKE names a cluster, and is registered as an IAM OIDC provider under that name", async () => {
    await using cluster = await startClusterIssuer();
    const name = "container.googleapis.com/v1/projects/example-project/locations/asia-northeast3-a/clusters/example";
    expect(cluster.issuer).toBe(`https://${name}`);
    expect(cluster.oidcProvider("123456789012")).toEqual({
      arn: `arn:aws:iam::123456789012:oidc-provider/${name}`,
      clientIds: ["sts.amazonaws.com"],
      jwksUri: cluster.jwksUri,
    });
  });
});

describe("a cluster issuer", () => {
  it("takes a port, client ids and a foreign iss as they are given, and ends at the end of the block", async () => {
    const url = await (async () => {
      await using first = await startClusterIssuer();
      expect(first.oidcProvider("123456789012", ["gcp"]).clientIds).toEqual(["gcp"]);
      expect(readIdTokenClaims(first.mintToken({ iss: "https://other.example" }))?.iss).toBe("https://other.example");
      return new URL(first.jwksUri).origin;
    })();
    await expect(fetch(url)).rejects.toThrow("fetch failed");
    await using second = await startClusterIssuer({ port: Number(new URL(url).port) });
    expect(new URL(second.jwksUri).origin).toBe(url);
  });
});

describe("projectToken", () => {
  it("writes a token with Kubernetes' claims, in a file that links into ..data as kubelet's does", async () => {
    await using cluster = await startClusterIssuer();
    await using token = cluster.projectToken({
      namespace: "shop",
      serviceAccountName: "orders",
      audience: "aws",
      expirationSeconds: 600,
    });
    const now = Date.now() / 1000;
    expect(readIdTokenClaims(read(token.file))).toMatchObject({
      iss: cluster.issuer,
      aud: ["aws"],
      sub: "system:serviceaccount:shop:orders",
      exp: expect.closeTo(now + 600, -1),
      "kubernetes.io": { namespace: "shop", serviceaccount: { name: "orders" } },
    });
    expect(cluster.issuedTokens).toEqual([read(token.file)]);
    expect(lstatSync(token.file).isSymbolicLink()).toBe(true);
    token.rotate();
    expect(readdirSync(dirname(token.file)).filter((name) => name.startsWith("..2"))).toHaveLength(1);
    expect(read(token.file)).toBe(cluster.issuedTokens[1]);
  });

  it("writes a new token each time that rotateEveryMs has passed, until it is closed", async () => {
    await using cluster = await startClusterIssuer();
    const token = cluster.projectToken({ rotateEveryMs: 5 });
    await vi.waitFor(() => expect(token.rotations()).toBeGreaterThan(3));
    await token.close();
    const rotations = token.rotations();
    expect(existsSync(dirname(token.file))).toBe(false);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(token.rotations()).toBe(rotations);
  });

  it("makes the directory that was asked for, and leaves it and its other files when it is closed", async () => {
    await using cluster = await startClusterIssuer();
    const token = cluster.projectToken({ directory: path("a/b") });
    writeFileSync(path("a/b/other"), "");
    expect(read(token.file)).toMatch(/^eyJ/);
    await token.close();
    expect(readdirSync(path("a/b"))).toEqual(["other"]);
  });

  it("writes a fault at once, for so many rotations or until clearFaults()", async () => {
    await using cluster = await startClusterIssuer();
    await using token = cluster.projectToken();
    const now = Date.now() / 1000;
    token.injectFault({ kind: "empty" }, { times: 1 });
    expect(read(token.file)).toBe("");
    token.rotate();
    expect(readIdTokenClaims(read(token.file))).toBeDefined();
    token.injectFault({ kind: "missing" });
    token.rotate();
    expect(existsSync(token.file)).toBe(false);
    token.clearFaults();
    expect(readIdTokenClaims(read(token.file))?.exp).toBeGreaterThan(now);
    token.injectFault({ kind: "expired" }, { times: 1 });
    expect(readIdTokenClaims(read(token.file))?.exp).toBeLessThan(now - 3000);
    token.injectFault({ kind: "wrongAudience", audience: "gcp" }, { times: 1 });
    expect(readIdTokenClaims(read(token.file))?.aud).toEqual(["gcp"]);
    token.injectFault({ kind: "wrongAudience" }, { times: 1 });
    expect(readIdTokenClaims(read(token.file))?.aud).toEqual([cluster.issuer]);
    token.injectFault({ kind: "halfWritten" }, { times: 1 });
    expect(readIdTokenClaims(read(token.file))).toBeUndefined();
    expect(read(token.file)).toMatch(/^eyJ/);
  });
});
