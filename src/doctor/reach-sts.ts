import type { ServiceInputTypes, ServiceOutputTypes } from "@aws-sdk/client-sts";
import type { AwsCredentialIdentity, Pluggable } from "@smithy/types";
import { createError } from "../errors/create-error.js";
import { TimeoutError, withTimeout } from "../lib/deadline.js";
import { describeFailure } from "../lib/foreign-failure.js";
import type { ResolvedOptions } from "../options/resolve-options.js";
import { classifyStsFailure } from "../sts/classify-sts-failure.js";
import { loadStsClient } from "../sts/exchange-packages.js";
import { guardHandler } from "../sts/guard-handler.js";
import { ensureHomeDirectory } from "../sts/home-directory.js";
import { createRequestHandler } from "../sts/sts-clients.js";
import { clockAhead } from "../token/metadata-server.js";

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

/** One signed `GetCallerIdentity`, within the limits of every call of this package: `timeoutMs` in all, 1 MiB of answer. */
function askWhoIAm(
  { options, region }: StsQuestion,
  credentials: AwsCredentialIdentity,
  observer?: Pluggable<ServiceInputTypes, ServiceOutputTypes>,
): Promise<string | undefined> {
  const { timeoutMs, clientPlugins = [] } = options;
  const ask = async (signal: AbortSignal): Promise<string | undefined> => {
    await ensureHomeDirectory();
    const { GetCallerIdentityCommand, STSClient } = await loadStsClient();
    const requestHandler = guardHandler(await createRequestHandler(options), () => signal);
    // The logger would be told whole requests.
    const { logger: _, ...config } = options.clientConfig ?? {};
    const client = new STSClient({ maxAttempts: MAX_ATTEMPTS, ...config, region, credentials, requestHandler });
    for (const plugin of observer ? [...clientPlugins, observer] : clientPlugins) client.middlewareStack.use(plugin);
    return (await client.send(new GetCallerIdentityCommand({}))).Arn;
  };
  return withTimeout(timeoutMs, ask, () => new TimeoutError(`no answer within ${timeoutMs} ms.`));
}

interface HttpFacts {
  readonly hostname: string;
  readonly clockAheadMs: number | undefined;
}

/** Notes where each request goes and what the clock of the answer says. */
function observeHttp(note: (facts: Partial<HttpFacts>) => void): Pluggable<ServiceInputTypes, ServiceOutputTypes> {
  return {
    applyToStack: (stack) =>
      stack.add(
        (next) => async (args) => {
          note({ hostname: String(Reflect.get(Object(args.request), "hostname")) });
          const result = await next(args);
          const { headers } = result.response as { readonly headers: Readonly<Record<string, string>> };
          note({ clockAheadMs: clockAhead(headers.date) });
          return result;
        },
        { step: "deserialize", priority: "low" },
      ),
  };
}

/**
 * Whether STS answers in this region, through the user's own proxy and settings. Gives its host name and its clock.
 *
 * @throws GkeWorkloadIdentityError `STS_UNREACHABLE`, `STS_REGION_DISABLED` or `STS_INVALID_RESPONSE`
 */
export async function reachSts(question: StsQuestion): Promise<HttpFacts> {
  const { region, roleArn } = question;
  let facts: HttpFacts = { hostname: "", clockAheadMs: undefined };
  const observer = observeHttp((found) => {
    facts = { ...facts, ...found };
  });
  try {
    const arn = await askWhoIAm(question, NOBODY, observer);
    if (!arn) {
      const reason = `${facts.hostname} answers, but not as STS does.`;
      throw createError("STS_INVALID_RESPONSE", { region, reason });
    }
  } catch (error) {
    const { status = 0 } = describeFailure(error);
    const failure = classifyStsFailure(error, { region, roleArn }, "");
    const isRefusal = status >= 400 && status < 500 && !NO_ANSWER_OF_STS.has(failure.code);
    if (!isRefusal) throw failure;
  }
  return facts;
}

/** Who AWS says that the session is. */
export async function getCallerIdentity(question: StsQuestion, session: AwsCredentialIdentity): Promise<string> {
  const { region, roleArn } = question;
  try {
    return (await askWhoIAm(question, session)) ?? "STS named nobody";
  } catch (error) {
    throw classifyStsFailure(error, { region, roleArn }, session.sessionToken ?? "");
  }
}
