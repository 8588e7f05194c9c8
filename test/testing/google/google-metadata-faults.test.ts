import { describe, expect, it } from "vitest";
import { type GoogleMetadataServer, startGoogleMetadataServer } from "../../../src/testing/index.js";
import { readClaims as readIdTokenClaims } from "../../../src/token/check-token.js";

const IDENTITY = "instance/service-accounts/default/identity?audience=a";
const EMAIL = "instance/service-accounts/default/email";

const ask = (server: GoogleMetadataServer, path: string) =>
  fetch(`${server.url}/computeMetadata/v1/${path}`, { headers: { "Metadata-Flavor": "Google" } });

describe("a fault of the metadata server", () => {
  it.each([
    [403, /IAM returned 403 Forbidden/],
    [404, /Gaia id not found/],
  ])("with status %i is for identity alone, waits for it, and says what GKE says", async (status, text) => {
    await using server = await startGoogleMetadataServer();
    server.injectFault({ kind: "status", status }, { times: 1 });
    expect((await ask(server, EMAIL)).status).toBe(200);
    const refused = await ask(server, IDENTITY);
    expect([refused.status, await refused.text()]).toEqual([status, expect.stringMatching(text)]);
    expect((await ask(server, IDENTITY)).status).toBe(200);
  });

  it("that is a wrong flavor has no header of that name, or the one that was given", async () => {
    await using server = await startGoogleMetadataServer();
    server.injectFault({ kind: "wrongFlavor" }, { times: 1 });
    server.injectFault({ kind: "wrongFlavor", flavor: "Amazon" }, { times: 1 });
    const flavors = [await ask(server, EMAIL), await ask(server, EMAIL)].map(({ headers }) =>
      headers.get("metadata-flavor"),
    );
    expect(flavors).toEqual([null, "Amazon"]);
  });

  it("that is latency is the right answer, later", async () => {
    await using server = await startGoogleMetadataServer();
    server.injectFault({ kind: "latency", ms: 100 });
    const start = performance.now();
    expect((await ask(server, EMAIL)).status).toBe(200);
    expect(performance.now() - start).toBeGreaterThan(95);
  });

  it("that is garbage or a status has the body and the date that were given", async () => {
    await using server = await startGoogleMetadataServer();
    const date = "Tue, 24 Nov 2020 12:00:00 GMT";
    server.injectFault({ kind: "garbage", body: "?" }, { times: 1 });
    server.injectFault({ kind: "status", status: 500, body: "!", date }, { times: 1 });
    const garbage = await ask(server, EMAIL);
    expect([garbage.status, await garbage.text()]).toEqual([200, "?"]);
    const failed = await ask(server, EMAIL);
    expect([failed.status, await failed.text(), failed.headers.get("date")]).toEqual([500, "!", date]);
  });

  it("that is a date is the right answer with that date", async () => {
    await using server = await startGoogleMetadataServer();
    const date = "Tue, 24 Nov 2020 12:00:00 GMT";
    server.injectFault({ kind: "date", date });
    const { status, headers } = await ask(server, EMAIL);
    expect([status, headers.get("date"), headers.get("metadata-flavor")]).toEqual([200, date, "Google"]);
  });
});

describe("a metadata server", () => {
  it("refuses connections for refuseForMs, and answers then", async () => {
    await using server = await startGoogleMetadataServer({ refuseForMs: 100 });
    await expect(ask(server, EMAIL)).rejects.toThrow();
    await expect
      .poll(() =>
        ask(server, EMAIL).then(
          ({ status }) => status,
          () => 0,
        ),
      )
      .toBe(200);
  });

  it("keeps the tokens that it signed, each with the life that was asked for", async () => {
    await using server = await startGoogleMetadataServer({ tokenLifetimeSeconds: 60 });
    const token = await (await ask(server, IDENTITY)).text();
    expect(server.issuedTokens).toEqual([token]);
    const { exp, iat } = readIdTokenClaims(token) as { exp: number; iat: number };
    expect(exp - iat).toBe(60);
  });

  it("knows no cluster attribute that was not given", async () => {
    await using server = await startGoogleMetadataServer();
    expect((await ask(server, "instance/attributes/constructor")).status).toBe(404);
  });

  it("tells how many connections are open, and ends them at the end of the block", async () => {
    let url = "";
    let hung: Promise<unknown> | undefined;
    {
      await using server = await startGoogleMetadataServer();
      url = server.url;
      expect(server.openConnections()).toBe(0);
      server.injectFault({ kind: "hang" });
      hung = ask(server, EMAIL).catch(() => "ended");
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
