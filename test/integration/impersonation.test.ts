import { Impersonated, OAuth2Client } from "google-auth-library";
import { expect, it } from "vitest";
import { fromGkeWorkloadIdentity } from "../../src/index.js";
import type { GoogleMetadataServer } from "../../src/testing/index.js";
import { startLoopbackServer } from "../../src/testing/lib/loopback-server.js";
import { startTwoClouds } from "../support/two-clouds.js";

/** The IAM Credentials API's generateIdToken, which puts the email into `azp` where that is asked for. */
const startIamCredentials = (metadata: GoogleMetadataServer) =>
  startLoopbackServer(async ({ body }) => {
    const { audience, useEmailAzp } = JSON.parse(body.toString("utf8")) as { audience: string; useEmailAzp: boolean };
    const azp = useEmailAzp ? { azp: "reader@example-project.iam.gserviceaccount.com" } : {};
    const token = metadata.mintIdToken({ aud: audience, ...azp });
    return { status: 200, headers: { "Content-Type": "application/json" }, body: JSON.stringify({ token }) };
  });

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
