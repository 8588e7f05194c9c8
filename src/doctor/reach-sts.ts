import type { AwsCredentialIdentity } from "@smithy/types";
import { GkeWorkloadIdentityError } from "../index.js";
import { describeFailure } from "../lib/foreign-failure.js";
import { load } from "../lib/import-package.js";
import type { ResolvedOptions } from "../options/resolve-options.js";
import { classifyStsFailure } from "../sts/classify-sts-failure.js";
import { clockAhead } from "../token/metadata-server.js";

/** No key of anybody's: STS answers that it does not know it, which is answer enough. */
const NOBODY: AwsCredentialIdentity = { accessKeyId: "AKIAGKEAWSCREDENTIALS", secretAccessKey: "doctor" };
const HANDLER = { connectionTimeout: 3_000, requestTimeout: 5_000, throwOnRequestTimeout: true };

async function createClient(
  { clientConfig = {}, clientPlugins = [] }: ResolvedOptions,
  region: string,
  credentials: AwsCredentialIdentity,
) {
  const { STSClient } = await load(import("@aws-sdk/client-sts"));
  const { logger: _, ...config } = clientConfig;
  const client = new STSClient({ requestHandler: HANDLER, maxAttempts: 2, ...config, region, credentials });
  for (const plugin of clientPlugins) client.middlewareStack.use(plugin);
  return client;
}

/**
 * Whether STS answers in this region at all, through the user's own proxy and settings: where it is, and its clock.
 *
 * @throws GkeWorkloadIdentityError `STS_UNREACHABLE`, `STS_REGION_DISABLED` or `STS_INVALID_RESPONSE`
 */
export async function reachSts(
  options: ResolvedOptions,
  region: string,
  roleArn: string,
): Promise<{ readonly hostname: string; readonly clockAheadMs: number | undefined }> {
  const { GetCallerIdentityCommand } = await load(import("@aws-sdk/client-sts"));
  const client = await createClient(options, region, NOBODY);
  let hostname = "";
  let clockAheadMs: number | undefined;
  client.middlewareStack.add(
    (next) => async (args) => {
      hostname = String(Reflect.get(Object(args.request), "hostname"));
      const result = await next(args);
      const { headers } = result.response as { readonly headers: Readonly<Record<string, string>> };
      clockAheadMs = clockAhead(headers.date);
      return result;
    },
    { step: "deserialize", priority: "low" },
  );
  try {
    const { Arn } = await client.send(new GetCallerIdentityCommand({}));
    if (!Arn) {
      const reason = `${hostname} answers, but not as STS does.`;
      throw new GkeWorkloadIdentityError("STS_INVALID_RESPONSE", { region, reason });
    }
  } catch (error) {
    const { status = 0 } = describeFailure(error);
    const failure = classifyStsFailure(error, { region, roleArn }, "");
    const isRefusal = status >= 400 && status < 500 && failure.code !== "STS_REGION_DISABLED";
    if (!isRefusal) throw failure;
  }
  return { hostname, clockAheadMs };
}

/** Who AWS says that the session is. */
export async function getCallerIdentity(
  options: ResolvedOptions,
  region: string,
  session: AwsCredentialIdentity,
  roleArn: string,
): Promise<string> {
  const { GetCallerIdentityCommand } = await load(import("@aws-sdk/client-sts"));
  const client = await createClient(options, region, session);
  try {
    const { Arn } = await client.send(new GetCallerIdentityCommand({}));
    return Arn ?? "STS named nobody";
  } catch (error) {
    throw classifyStsFailure(error, { region, roleArn }, session.sessionToken ?? "");
  }
}
