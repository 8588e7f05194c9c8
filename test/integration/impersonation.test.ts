import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Impersonated, OAuth2Client } from "google-auth-library";
import { expect, it } from "vitest";
import { fromGkeWorkloadIdentity } from "../../src/index.js";
import type { GoogleMetadataServer } from "../../src/testing/index.js";
import { startTwoClouds } from "../support/two-clouds.js";

/** The IAM Credentials API's generateIdToken, which puts the email into `azp` where that is asked for. */
async function startIamCredentials(metadata: GoogleMetadataServer) {
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const { audience, useEmailAzp } = JSON.parse(body) as { audience: string; useEmailAzp: boolean };
    const azp = useEmailAzp ? { azp: "reader@example-project.iam.gserviceaccount.com" } : {};
    const token = metadata.mintIdToken({ aud: audience, ...azp });
    response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify({ token }));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, [Symbol.asyncDispose]: close };
}

it("an ID token by impersonation is let in where it was asked for without the email, as the docs show", async () => {
  await using clouds = await startTwoClouds();
  await using iam = await startIamCredentials(clouds.metadata);
  const sourceClient = new OAuth2Client();
  sourceClient.setCredentials({ access_token: "a-developers-access-token", expiry_date: Date.now() + 3_600_000 });
  const targetPrincipal = "reader@example-project.iam.gserviceaccount.com";
  const account = new Impersonated({ sourceClient, targetPrincipal, endpoint: iam.url });
  const clientConfig = { region: "us-east-1" };

  const withEmail = fromGkeWorkloadIdentity({ idTokenProvider: account, clientConfig });
  await expect(withEmail()).rejects.toMatchObject({ code: "STS_ACCESS_DENIED" });

  const idTokenProvider = {
    fetchIdToken: (audience: string) => account.fetchIdToken(audience, { includeEmail: false }),
  };
  await expect(fromGkeWorkloadIdentity({ idTokenProvider, clientConfig })()).resolves.toMatchObject({
    accountId: "123456789012",
  });
});
