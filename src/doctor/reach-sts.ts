import type { ServiceInputTypes, ServiceOutputTypes } from "@aws-sdk/client-sts";
import type { AwsCredentialIdentity, Pluggable } from "@smithy/types";
import { createError } from "../errors/create-error.js";
import type { ErrorDetails } from "../errors/error.js";
import { describeFailure } from "../lib/failure.js";
import { noAnswerWithin, withTimeout } from "../lib/time.js";
import type { ResolvedOptions } from "../options/options.js";
import { hostSetBy, loadStsClient, stsClientConfig, watchRequests } from "../sts/sts-client.js";
import { toStsError } from "../sts/sts-failure.js";
import { clockAhead } from "../token/metadata.js";

/** A key that belongs to no account. STS answers that it does not know the key, and that shows that STS can be reached. */
const NOBODY: AwsCredentialIdentity = { accessKeyId: "AKIAGKEAWSCREDENTIALS", secretAccessKey: "doctor" };
const MAX_ATTEMPTS = 2;
/** Refusals that do not show that STS can be used: STS is off in this region, or a proxy refused in its place. */
const NO_ANSWER_OF_STS: ReadonlySet<string> = new Set(["STS_REGION_DISABLED", "STS_UNREACHABLE"]);

export interface StsQuestion {
  readonly options: ResolvedOptions;
  readonly region: string;
  readonly roleArn: string;
}

interface HttpFacts {
  readonly host: string;
  readonly clockAheadMs: number | undefined;
}

/** One signed `GetCallerIdentity` within `timeoutMs`. Tells where it goes, and what the clock of the answer says. */
function askWhoIAm(
  { options, region }: StsQuestion,
  credentials: AwsCredentialIdentity,
  note: (facts: Partial<HttpFacts>) => void,
): Promise<string | undefined> {
  const { timeoutMs, clientPlugins = [] } = options;
  const ask = async (signal: AbortSignal): Promise<string | undefined> => {
    const { GetCallerIdentityCommand, STSClient } = await loadStsClient();
    // The logger would be told whole requests.
    const { logger: _, ...config } = stsClientConfig(options, region);
    const client = new STSClient({ ...config, maxAttempts: MAX_ATTEMPTS, credentials });
    for (const plugin of [...clientPlugins, noteClock(note)]) client.middlewareStack.use(plugin);
    const command = new GetCallerIdentityCommand({});
    command.middlewareStack.use(watchRequests((host) => note({ host })));
    return (await client.send(command, { abortSignal: signal })).Arn;
  };
  return withTimeout(timeoutMs, ask, () => noAnswerWithin(timeoutMs));
}

const noteClock = (note: (facts: Partial<HttpFacts>) => void): Pluggable<ServiceInputTypes, ServiceOutputTypes> => ({
  applyToStack: (stack) =>
    stack.add(
      (next) => async (args) => {
        const result = await next(args);
        const { headers } = result.response as { readonly headers: Readonly<Record<string, string>> };
        note({ clockAheadMs: clockAhead(headers.date) });
        return result;
      },
      { step: "deserialize", priority: "low" },
    ),
});

/**
 * Whether STS answers in this region, through the user's own proxy and settings. Gives its host name and its clock.
 *
 * @throws GkeWorkloadIdentityError `STS_UNREACHABLE`, `STS_REGION_DISABLED` or `STS_INVALID_RESPONSE`
 */
export async function reachSts(question: StsQuestion): Promise<HttpFacts> {
  const { region, roleArn } = question;
  let facts: HttpFacts = { host: "", clockAheadMs: undefined };
  const note = (found: Partial<HttpFacts>): void => {
    facts = { ...facts, ...found };
  };
  try {
    const arn = await askWhoIAm(question, NOBODY, note);
    if (!arn)
      throw createError("STS_INVALID_RESPONSE", {
        ...where(facts, question),
        reason: "it does not answer as STS does",
      });
  } catch (error) {
    const { status = 0 } = describeFailure(error);
    const failure = toStsError(error, {
      roleArn,
      region,
      ...where(facts, question),
      token: "",
      wasSent: facts.host !== "",
    });
    const isRefusal = status >= 400 && status < 500 && !NO_ANSWER_OF_STS.has(failure.code);
    if (!isRefusal) throw failure;
  }
  return facts;
}

/** Who AWS says that the session is. */
export async function getCallerIdentity(question: StsQuestion, session: AwsCredentialIdentity): Promise<string> {
  const { region, roleArn } = question;
  try {
    return (await askWhoIAm(question, session, () => {})) ?? "STS named nobody";
  } catch (error) {
    throw toStsError(error, { roleArn, region, token: session.sessionToken ?? "" });
  }
}

const where = ({ host }: HttpFacts, { options }: StsQuestion): ErrorDetails =>
  host === "" ? {} : { host, hostSetBy: hostSetBy(host, options) };
