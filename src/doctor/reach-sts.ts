import type { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import type { AwsCredentialIdentity } from "@smithy/types";
import { GkeWorkloadIdentityError } from "../index.js";
import { TimeoutError, withTimeout } from "../lib/deadline.js";
import { describeFailure } from "../lib/foreign-failure.js";
import { load } from "../lib/import-package.js";
import type { ResolvedOptions } from "../options/resolve-options.js";
import { classifyStsFailure } from "../sts/classify-sts-failure.js";
import { clockAhead } from "../token/metadata-server.js";

/** Nobody's key. STS answers that it does not know the key, and that shows that STS can be reached. */
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

/** One signed question, for no longer than an acquisition may take, whatever request handler the user has given. */
function askWhoIAm(
  client: STSClient,
  command: GetCallerIdentityCommand,
  { timeoutMs }: ResolvedOptions,
): Promise<string | undefined> {
  const timedOut = (): Error => new TimeoutError(`no answer within ${timeoutMs} ms.`);
  const ask = async (abortSignal: AbortSignal): Promise<string | undefined> =>
    (await client.send(command, { abortSignal })).Arn;
  return withTimeout(timeoutMs, ask, timedOut);
}

/**
 * Whether STS answers in this region, through the user's own proxy and settings. Gives its host name and its clock.
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
    const arn = await askWhoIAm(client, new GetCallerIdentityCommand({}), options);
    if (!arn) {
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
    return (await askWhoIAm(client, new GetCallerIdentityCommand({}), options)) ?? "STS named nobody";
  } catch (error) {
    throw classifyStsFailure(error, { region, roleArn }, session.sessionToken ?? "");
  }
}
