// Run in a process of its own by ../measurements/cold-start.mjs: a service with an S3 client asks for its first credentials.
import { S3Client } from "@aws-sdk/client-s3";

async function createProvider(name) {
  if (name === "ours") return (await import("gke-aws-credentials")).fromGkeWorkloadIdentity();
  const [{ fromWebToken }, { getDefaultRoleAssumerWithWebIdentity }, { Compute }] = await Promise.all([
    import("@aws-sdk/credential-providers"),
    import("@aws-sdk/client-sts"),
    import("google-auth-library"),
  ]);
  const metadata = new Compute();
  const roleAssumerWithWebIdentity = getDefaultRoleAssumerWithWebIdentity({ region: process.env.AWS_REGION });
  return async () =>
    fromWebToken({
      roleArn: process.env.AWS_ROLE_ARN,
      roleSessionName: "by-hand",
      webIdentityToken: await metadata.fetchIdToken("sts.amazonaws.com"),
      roleAssumerWithWebIdentity,
    })();
}

const s3 = new S3Client({ credentials: await createProvider(process.argv[2]) });
const asked = performance.now();
await s3.config.credentials();
console.log(JSON.stringify({ sinceStart: performance.now(), sinceRequest: performance.now() - asked, ready: asked }));
process.exit();
