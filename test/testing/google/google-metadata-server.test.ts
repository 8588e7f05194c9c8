import { createPublicKey, type JsonWebKey, verify, X509Certificate } from "node:crypto";
import { describe, expect, it } from "vitest";
import { type GoogleMetadataServer, startGoogleMetadataServer } from "../../../src/testing/index.js";
import { readClaims as readIdTokenClaims } from "../../../src/token/check-token.js";

const FLAVOR = { "Metadata-Flavor": "Google" };
const get = (metadata: GoogleMetadataServer, path: string, headers: Record<string, string> = FLAVOR) =>
  fetch(`${metadata.url}/computeMetadata/v1/${path}`, { headers });
const identity = "instance/service-accounts/default/identity";
const IDENTITY = `${identity}?audience=a`;
const EMAIL = "instance/service-accounts/default/email";
/** The status of the answer; 0 when there is none. */
const statusOf = (answer: Promise<Response>): Promise<number> =>
  answer.then(
    ({ status }) => status,
    () => 0,
  );

interface Jwk extends JsonWebKey {
  readonly kid: string;
  readonly x5c: readonly string[];
}

describe("startGoogleMetadataServer", () => {
  it("answers an ID token with Google's claims, and the life that was asked for, signed with the key in its JWKS", async () => {
    await using metadata = await startGoogleMetadataServer({ tokenLifetimeSeconds: 60 });
    const response = await get(metadata, `${identity}?audience=gcp&format=full`);
    expect(response.headers.get("metadata-flavor")).toBe("Google");
    const token = await response.text();
    expect(metadata.issuedTokens).toEqual([token]);
    const now = Date.now() / 1000;
    expect(readIdTokenClaims(token)).toEqual({
      aud: "gcp",
      azp: "111035977024964273138",
      sub: "111035977024964273138",
      email: "reader@example-project.iam.gserviceaccount.com",
      email_verified: true,
      iss: "https://accounts.google.com",
      iat: expect.closeTo(now, -1),
      exp: expect.closeTo(now + 60, -1),
    });

    const { keys } = (await (await fetch(metadata.jwksUri)).json()) as { keys: [Jwk] };
    const [header = "", claims = "", signature = ""] = token.split(".");
    const { kid, alg } = JSON.parse(Buffer.from(header, "base64url").toString()) as { kid: string; alg: string };
    expect([kid, alg]).toEqual([keys[0].kid, "RS256"]);
    const key = createPublicKey({ key: keys[0], format: "jwk" });
    expect(verify("RSA-SHA256", Buffer.from(`${header}.${claims}`), key, Buffer.from(signature, "base64url"))).toBe(
      true,
    );
  });

  it("publishes the key's certificate too, self-signed and valid now", async () => {
    await using metadata = await startGoogleMetadataServer();
    const { keys } = (await (await fetch(metadata.jwksUri)).json()) as { keys: [Jwk] };
    const certificate = new X509Certificate(Buffer.from(keys[0].x5c[0]!, "base64"));
    const key = createPublicKey({ key: keys[0], format: "jwk" });
    expect(certificate.verify(key)).toBe(true);
    expect(certificate.publicKey.equals(key)).toBe(true);
    expect(certificate.subject).toBe("CN=gke-aws-credentials testing");
    expect(Date.parse(certificate.validFrom)).toBeLessThan(Date.now());
    expect(Date.parse(certificate.validTo)).toBeGreaterThan(Date.now());
    expect(certificate.fingerprint.replaceAll(":", "").toLowerCase()).toBe(metadata.thumbprint);
  });

  it("may be its own issuer, with a discovery document", async () => {
    await using metadata = await startGoogleMetadataServer({ issuer: (url) => url });
    expect(metadata.issuer).toBe(metadata.url);
    const discovery = await (await fetch(`${metadata.issuer}/.well-known/openid-configuration`)).json();
    expect(discovery).toMatchObject({ issuer: metadata.url, jwks_uri: metadata.jwksUri });
    expect(readIdTokenClaims(metadata.mintIdToken())?.iss).toBe(metadata.url);
  });

  it.each([
    ["instance/service-accounts/default/email", "reader@example-project.iam.gserviceaccount.com"],
    [
      "instance/service-accounts/reader@example-project.iam.gserviceaccount.com/email",
      "reader@example-project.iam.gserviceaccount.com",
    ],
    ["instance/hostname", "gke-node-1.c.example-project.internal"],
    ["project/project-id", "example-project"],
    ["instance/attributes/cluster-name", "example"],
    ["instance/attributes/", "cluster-name\ncluster-location\ncluster-uid"],
    ["", "instance/\nproject/\n"],
    // Where gcp-metadata looks for the server.
    ["../..", "computeMetadata/\n"],
  ])("answers %s", async (path, text) => {
    await using metadata = await startGoogleMetadataServer();
    const response = await get(metadata, path);
    expect([response.status, await response.text()]).toEqual([200, text]);
    expect(response.headers.get("metadata-flavor")).toBe("Google");
  });

  it.each([
    [identity, 400],
    [`${identity}?audience=`, 400],
    ["instance/service-accounts/other@example.com/email", 404],
    ["instance/service-accounts/default/nothing", 404],
    ["instance/attributes/nothing", 404],
    ["instance/attributes/constructor", 404],
    ["nothing", 404],
  ])("refuses %s with %i", async (path, status) => {
    await using metadata = await startGoogleMetadataServer();
    expect((await get(metadata, path)).status).toBe(status);
  });

  it("refuses a request without its header, and does not say who it is", async () => {
    await using metadata = await startGoogleMetadataServer();
    const response = await get(metadata, `${identity}?audience=gcp`, {});
    expect([response.status, response.headers.get("metadata-flavor")]).toEqual([403, null]);
    expect((await fetch(`${metadata.url}/elsewhere`, { headers: FLAVOR })).status).toBe(404);
  });

  it("answers the workload identity pool in place of an email where no service account is linked", async () => {
    await using metadata = await startGoogleMetadataServer({ serviceAccount: null });
    expect(await (await get(metadata, "instance/service-accounts/default/email")).text()).toBe(
      "example-project.svc.id.goog",
    );
    const response = await get(metadata, `${identity}?audience=gcp`);
    expect([response.status, await response.text()]).toEqual([404, expect.stringContaining("is not annotated")]);
  });

  it("strikes with the faults it was given, as often as it was told, and remembers its requests", async () => {
    await using metadata = await startGoogleMetadataServer();
    metadata.injectFault({ kind: "status", status: 503 }, { times: 2 });
    metadata.injectFault({ kind: "status", status: 418, body: "short and stout" });
    const statuses = [];
    for (let request = 0; request < 4; request += 1) statuses.push((await get(metadata, "project/project-id")).status);
    metadata.clearFaults();
    statuses.push((await get(metadata, `${identity}?audience=gcp`)).status);
    expect(statuses).toEqual([503, 503, 418, 418, 200]);
    expect(metadata.requests.map(({ status }) => status)).toEqual(statuses);
    expect(metadata.identityRequests()).toEqual([{ path: identity, query: { audience: "gcp" }, status: 200 }]);
  });

  it("refuses connections and cuts open ones when told to, and listens again on the same port, once", async () => {
    await using metadata = await startGoogleMetadataServer();
    await metadata.acceptConnections();
    metadata.injectFault({ kind: "hang" }, { times: 1 });
    const waiting = statusOf(get(metadata, ""));
    await expect.poll(() => metadata.openConnections()).toBe(1);
    await metadata.refuseConnections();
    await metadata.refuseConnections();
    expect(await waiting).toBe(0);
    await expect(get(metadata, "")).rejects.toMatchObject({ cause: { code: "ECONNREFUSED" } });
    await metadata.acceptConnections();
    expect((await get(metadata, "")).status).toBe(200);
  });

  it("listens on 127.0.0.1 alone, and cuts the connection of a request that it cannot read", async () => {
    await using metadata = await startGoogleMetadataServer();
    await expect(fetch(metadata.url.replace("127.0.0.1", "127.0.0.2"))).rejects.toThrow("fetch failed");
    await expect(fetch(`${metadata.url}//`)).rejects.toThrow("fetch failed");
  });

  it("can be closed while it still refuses, or hangs, and says when its port is taken", async () => {
    const refusing = await startGoogleMetadataServer({ refuseForMs: 60_000 });
    await refusing.close();
    await using hanging = await startGoogleMetadataServer();
    hanging.injectFault({ kind: "hang" });
    const request = get(hanging, "").catch((error: unknown) => error);
    const port = Number(hanging.host.split(":")[1]);
    await expect(startGoogleMetadataServer({ port })).rejects.toMatchObject({ code: "EADDRINUSE" });
    await hanging.close();
    expect(await request).toBeInstanceOf(Error);
  });
});

describe("a fault of the metadata server", () => {
  it.each([
    [403, /IAM returned 403 Forbidden/],
    [404, /Gaia id not found/],
  ])("with status %i is for identity alone, waits for it, and says what GKE says", async (status, text) => {
    await using server = await startGoogleMetadataServer();
    server.injectFault({ kind: "status", status }, { times: 1 });
    expect((await get(server, EMAIL)).status).toBe(200);
    const refused = await get(server, IDENTITY);
    expect([refused.status, await refused.text()]).toEqual([status, expect.stringMatching(text)]);
    expect((await get(server, IDENTITY)).status).toBe(200);
  });

  it("that is a wrong flavor has no header of that name, or the one that was given", async () => {
    await using server = await startGoogleMetadataServer();
    server.injectFault({ kind: "wrongFlavor" }, { times: 1 });
    server.injectFault({ kind: "wrongFlavor", flavor: "Amazon" }, { times: 1 });
    const flavors = [await get(server, EMAIL), await get(server, EMAIL)].map(({ headers }) =>
      headers.get("metadata-flavor"),
    );
    expect(flavors).toEqual([null, "Amazon"]);
  });

  it("that is latency is the right answer, later", async () => {
    await using server = await startGoogleMetadataServer();
    server.injectFault({ kind: "latency", ms: 100 });
    const start = performance.now();
    expect((await get(server, EMAIL)).status).toBe(200);
    expect(performance.now() - start).toBeGreaterThan(95);
  });

  it("has the body and the date that were given, of bytes and not of characters", async () => {
    await using server = await startGoogleMetadataServer();
    const date = "Tue, 24 Nov 2020 12:00:00 GMT";
    server.injectFault({ kind: "garbage", body: "é€" }, { times: 1 });
    server.injectFault({ kind: "status", status: 500, body: "!", date }, { times: 1 });
    server.injectFault({ kind: "date", date });
    const garbage = await get(server, EMAIL);
    expect([garbage.status, garbage.headers.get("content-length"), await garbage.text()]).toEqual([200, "5", "é€"]);
    const failed = await get(server, EMAIL);
    expect([failed.status, await failed.text(), failed.headers.get("date")]).toEqual([500, "!", date]);
    const { status, headers } = await get(server, EMAIL);
    expect([status, headers.get("date"), headers.get("metadata-flavor")]).toEqual([200, date, "Google"]);
  });
});

describe("a metadata server", () => {
  it("refuses connections for refuseForMs, and answers then", async () => {
    await using server = await startGoogleMetadataServer({ refuseForMs: 100 });
    await expect(get(server, EMAIL)).rejects.toThrow();
    await expect.poll(() => statusOf(get(server, EMAIL))).toBe(200);
  });

  it("tells how many connections are open, and ends them at the end of the block", async () => {
    let url = "";
    let hung: Promise<unknown> | undefined;
    {
      await using server = await startGoogleMetadataServer();
      url = server.url;
      expect(server.openConnections()).toBe(0);
      server.injectFault({ kind: "hang" });
      hung = get(server, EMAIL).catch(() => "ended");
      await expect.poll(() => server.openConnections()).toBe(1);
    }
    expect(await hung).toBe("ended");
    await expect(fetch(url)).rejects.toThrow();
  });

  it("has a key that no other open server has, and leaves it to the next one, once", async () => {
    const keyOf = async (server: GoogleMetadataServer) => {
      const { keys } = (await (await fetch(server.jwksUri)).json()) as { keys: { kid: string }[] };
      return keys[0]?.kid;
    };
    const first = await startGoogleMetadataServer();
    const kid = await keyOf(first);
    await first.close();
    await first.close();
    await using second = await startGoogleMetadataServer();
    await using third = await startGoogleMetadataServer();
    const kids = [await keyOf(second), await keyOf(third)];
    expect(kids[0]).toBe(kid);
    expect(kids[1]).not.toBe(kid);
  });
});
