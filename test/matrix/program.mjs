// What every runtime, version and bundle must be able to do. `need` is how it gets at a module.
export default async function program(needModule) {
  // As the package does it: where esbuild splits, a CommonJS package's names are on `default` alone.
  const need = async (name) => {
    const module = await needModule(name);
    return module.default ?? module;
  };
  const { GetCallerIdentityCommand, STSClient } = await need("@aws-sdk/client-sts");
  const { createTrustPolicy, fromGkeWorkloadIdentity, GkeWorkloadIdentityError } = await need("gke-aws-credentials");
  const { startAwsSts, startGoogleMetadataServer } = await need("gke-aws-credentials/testing");
  const assert = (holds, what) => {
    if (!holds) throw new Error(`this does not hold: ${what}`);
  };
  const failureOf = (provider) =>
    provider().then(
      () => undefined,
      (error) => error,
    );

  const metadata = await startGoogleMetadataServer();
  const roleArn = "arn:aws:iam::123456789012:role/reader";
  const trustPolicy = createTrustPolicy({ serviceAccountUniqueId: "111035977024964273138" });
  const sts = await startAwsSts({ jwksUri: metadata.jwksUri, roles: [{ arn: roleArn, trustPolicy }] });
  Object.assign(process.env, {
    GCE_METADATA_HOST: metadata.host,
    AWS_ENDPOINT_URL_STS: sts.url,
    AWS_REGION: "us-east-1",
  });
  const clientConfig = { endpoint: sts.url };

  const events = [];
  const credentials = fromGkeWorkloadIdentity({ roleArn, clientConfig, onEvent: ({ type }) => events.push(type) });
  const client = new STSClient({ region: "us-east-1", endpoint: sts.url, credentials });
  const { Arn } = await client.send(new GetCallerIdentityCommand({}));
  assert(
    Arn.startsWith("arn:aws:sts::123456789012:assumed-role/reader/"),
    "a request is signed with a session of the role",
  );
  const session = await credentials();
  assert(session.accountId === "123456789012", "the session has its account");
  assert(session.expiration.getTime() > Date.now() + 3_500_000, "and its end");
  assert((await credentials()) === session, "and is cached");
  assert((await credentials({ forceRefresh: true })) !== session, "until it is asked for anew");
  assert(events.join() === "refreshStarted,refreshSucceeded,refreshStarted,refreshSucceeded", "events tell it");

  sts.injectFault(
    { kind: "error", code: "InvalidIdentityToken", message: "Couldn't retrieve verification key" },
    { times: 1 },
  );
  assert(await credentials({ forceRefresh: true }), "what passes by itself is tried again");
  const other = fromGkeWorkloadIdentity({ roleArn: `${roleArn}s`, clientConfig });
  const refused = await failureOf(other);
  assert(refused instanceof GkeWorkloadIdentityError && refused.code === "STS_ACCESS_DENIED", "a refusal has its code");
  metadata.injectFault({ kind: "status", status: 404 });
  const unlinked = await failureOf(fromGkeWorkloadIdentity({ roleArn, clientConfig }));
  assert(unlinked?.code === "NO_GOOGLE_SERVICE_ACCOUNT", `the metadata server's refusal too: ${unlinked?.code}`);
  metadata.clearFaults();
  metadata.injectFault({ kind: "hang" });
  const start = performance.now();
  const hung = await failureOf(fromGkeWorkloadIdentity({ roleArn, clientConfig, timeoutMs: 700 }));
  assert(hung?.code === "METADATA_TIMEOUT" && performance.now() - start < 3_000, "a hung server is cut off in time");
  sts.clearFaults();
  metadata.clearFaults();
  sts.injectFault({ kind: "hang" });
  const stuck = await failureOf(fromGkeWorkloadIdentity({ roleArn, clientConfig, timeoutMs: 1_000 }));
  assert(stuck?.code === "STS_UNREACHABLE", `a hung STS too: ${stuck?.code}`);
  await Promise.all([metadata.close(), sts.close()]);
  client.destroy();
  console.log("all well");
}
