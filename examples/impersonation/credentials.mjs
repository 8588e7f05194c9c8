// @ts-check
// For development: the role of a service on a laptop, by ID tokens of a Google service account that developers may impersonate.
// `idTokenProvider` replaces the metadata server, on Google Cloud too, so load this file only in development.
import { fromGkeWorkloadIdentity } from "gke-aws-credentials";
import { GoogleAuth, Impersonated } from "google-auth-library";

const sourceClient = await new GoogleAuth({ scopes: "https://www.googleapis.com/auth/cloud-platform" }).getClient();
const targetPrincipal = "orders-dev@example-project.iam.gserviceaccount.com";
const account = new Impersonated({ sourceClient, targetPrincipal });

export const credentials = fromGkeWorkloadIdentity({
  roleArn: "arn:aws:iam::123456789012:role/orders-dev",
  // With the email in the token, its `azp` would be the email, and the trust policy requires the unique id.
  idTokenProvider: { fetchIdToken: (audience) => account.fetchIdToken(audience, { includeEmail: false }) },
});
