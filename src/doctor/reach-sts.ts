import type { AwsCredentialIdentity } from "@smithy/types";
import { createError } from "../errors/create-error.js";
import { type GkeWorkloadIdentityError, isRetryable } from "../errors/error.js";
import { describeFailure } from "../lib/failure.js";
import { noAnswerWithin, retry, startDeadline, withTimeout } from "../lib/time.js";
import type { ResolvedOptions } from "../options/options.js";
import { MAX_CALLS } from "../sts/assume-role.js";
import { hostSetBy, leavesRetriesToSdk, loadStsClient, stsClientConfig, watchRequests } from "../sts/sts-client.js";
import { hasNotReachedSts, toStsError } from "../sts/sts-failure.js";
import { clockAhead } from "./check-clock.js";
import type { Setup } from "./check-workload.js";

/** A key that belongs to no account. STS answers that it does not know the key, and that shows that STS can be reached. */
const NOBODY: AwsCredentialIdentity = { accessKeyId: "AKIAGKEAWSCREDENTIALS", secretAccessKey: "doctor" };
const CALL_MS = 10_000;

/** Where a request went, and what the clock of the answer says. */
interface HttpFacts {
  host?: string;
  clockAheadMs?: number | undefined;
}

/**
 * A signed `GetCallerIdentity`, tried for as long as the library tries its exchange: a pod's network may take seconds to come up.
 *
 * @throws GkeWorkloadIdentityError
 */
function askWhoIAm(
  { options, roleSession: { roleArn } }: Setup,
  region: string,
  credentials: AwsCredentialIdentity,
  facts: HttpFacts = {},
): Promise<string | undefined> {
  const deadline = startDeadline(options.timeoutMs);
  let calls = 0;
  const ask = async (signal: AbortSignal): Promise<string | undefined> => {
    const { GetCallerIdentityCommand, STSClient } = await loadStsClient();
    // The logger would be told whole requests.
    const { logger: _, ...config } = stsClientConfig(options, region);
    const client = new STSClient({ ...config, credentials });
    for (const plugin of options.clientPlugins ?? []) client.middlewareStack.use(plugin);
    client.middlewareStack.add(
      (next) => async (args) => {
        const result = await next(args);
        const { headers } = result.response as { readonly headers: Readonly<Record<string, string>> };
        facts.clockAheadMs = clockAhead(headers.date);
        return result;
      },
      { step: "deserialize", priority: "low" },
    );
    const command = new GetCallerIdentityCommand({});
    command.middlewareStack.use(
      watchRequests((host) => {
        facts.host = host;
      }),
    );
    return (await client.send(command, { abortSignal: signal })).Arn;
  };
  const attempt = async (): Promise<string | undefined> => {
    const ms = Math.min(CALL_MS, deadline.remaining());
    try {
      return await withTimeout(ms, ask, () => noAnswerWithin(ms));
    } catch (error) {
      const details = { roleArn, region, ...whereOf(facts, options), token: credentials.sessionToken ?? "" };
      const failure = toStsError(error, { ...details, wasSent: facts.host !== undefined });
      if (!hasNotReachedSts(failure)) calls += 1;
      throw failure;
    }
  };
  return retry(attempt, {
    deadline,
    isRetryable: (error) => isRetryable(error) && calls < MAX_CALLS && !leavesRetriesToSdk(options),
    firstMs: 200,
    maxMs: 5_000,
  });
}

const whereOf = ({ host }: HttpFacts, options: ResolvedOptions) =>
  host === undefined ? {} : { host, hostSetBy: hostSetBy(host, options) };

/**
 * Whether STS answers in this region, through the user's own proxy and settings. Gives its host name and its clock.
 *
 * @throws GkeWorkloadIdentityError `STS_UNREACHABLE`, `STS_REGION_DISABLED` or `STS_INVALID_RESPONSE`
 */
export async function reachSts(setup: Setup, region: string): Promise<HttpFacts> {
  const facts: HttpFacts = {};
  const arn = await askWhoIAm(setup, region, NOBODY, facts).catch((error: GkeWorkloadIdentityError) => {
    const { status = 0 } = describeFailure(error.cause);
    // STS is off in this region, or a proxy refused in its place.
    const isNoAnswer = error.code === "STS_REGION_DISABLED" || error.code === "STS_UNREACHABLE";
    if (status >= 400 && status < 500 && !isNoAnswer) return "nobody";
    throw error;
  });
  if (arn) return facts;
  const reason = "it does not say who the caller is, as STS does";
  throw createError("STS_INVALID_RESPONSE", { ...whereOf(facts, setup.options), reason });
}

/** Who AWS says that the session is. */
export const getCallerIdentity = async (
  setup: Setup,
  region: string,
  session: AwsCredentialIdentity,
): Promise<string> => (await askWhoIAm(setup, region, session)) ?? "STS named nobody";
