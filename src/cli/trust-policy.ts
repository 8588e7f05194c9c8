import { type Command, InvalidArgumentError, Option } from "commander";
import { invalidConfiguration } from "../errors/create-error.js";
import { type ClusterTrustPolicyInit, createTrustPolicy, type TrustPolicy } from "../index.js";
import { isGoogleIssuer, parseRoleArn } from "../lib/role-arn.js";
import { startDeadline } from "../lib/time.js";
import { DEFAULT_AUDIENCE, DEFAULT_TIMEOUT_MS } from "../options/options.js";
import type { IdTokenClaims } from "../token/check-token.js";
import { findTokenFile, readTokenFile } from "../token/token-file.js";
import { policyLength, trustPolicyFor } from "../trust-policy.js";
import type { Output } from "./output.js";
import { createIdTokenSource } from "./token.js";
import { FORMATS } from "./trust-policy-formats.js";

interface Flags {
  readonly serviceAccountUniqueId?: string;
  readonly issuer?: readonly string[];
  readonly awsAccountId?: string;
  readonly awsPartition?: string;
  readonly namespace?: string;
  readonly serviceAccountName?: string;
  readonly audience?: string;
  readonly roleName?: string;
  readonly format: keyof typeof FORMATS;
}

type Warn = (text: string) => unknown;

/** IAM's quota for a role's trust policy, where AWS has not raised it. */
const TRUST_POLICY_QUOTA = 2_048;
const SUBJECT = /^system:serviceaccount:([^:]+):([^:]+)$/;

function toRoleName(text: string): string {
  if (!/^[\w+=,.@-]{1,64}$/.test(text))
    throw new InvalidArgumentError("It must be 1 to 64 characters of [A-Za-z0-9_+=,.@-].");
  return text;
}

const collect = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

/** `trust-policy`: the IAM trust policy for a Google service account, or for a service account of clusters. */
export function addTrustPolicy(program: Command, { stdout, stderr }: Output): void {
  program
    .command("trust-policy")
    .description("Print the IAM trust policy that lets this workload, or the one that the flags name, assume a role.")
    .option(
      "--service-account-unique-id <id>",
      "21 digits: gcloud iam service-accounts describe EMAIL --format 'value(uniqueId)'; default: this workload's own, from its token",
    )
    .option(
      "--issuer <url>",
      "the cluster's own OIDC issuer, in place of a Google service account; may be repeated",
      collect,
    )
    .option("--namespace <namespace>", "with --issuer: the pod's namespace")
    .option("--service-account-name <name>", "with --issuer: the pod's Kubernetes service account")
    .option("--aws-account-id <id>", "for a cluster's tokens: the role's account; default: that of AWS_ROLE_ARN")
    .option("--aws-partition <partition>", "for a cluster's tokens: aws-cn, aws-us-gov; default: aws")
    .option("--audience <audience>", `the token's audience; default: ${DEFAULT_AUDIENCE}`)
    .option("--role-name <name>", "the role, for --format aws-cli; default: that of AWS_ROLE_ARN", toRoleName)
    .addOption(new Option("--format <format>", "how to print it").choices(Object.keys(FORMATS)).default("json"))
    .action(async (flags: Flags, command: Command) => {
      const name = flags.roleName ?? parseRoleArn(process.env.AWS_ROLE_ARN)?.roleName;
      if (flags.format === "aws-cli" && !name)
        command.error("error: --format aws-cli needs --role-name, or AWS_ROLE_ARN");
      const warn: Warn = (text) => stderr.write(`${text}\n`);
      const policy = await findTrustPolicy(flags, warn);
      const length = policyLength(policy);
      if (length > TRUST_POLICY_QUOTA)
        warn(
          `The policy has ${length} characters. IAM allows ${TRUST_POLICY_QUOTA}, and more only when the account's quota is raised.`,
        );
      stdout.write(`${FORMATS[flags.format](policy, name ?? "")}\n`);
    });
}

/** The policy for what the flags name, else for this workload's own token: that of the token file, else Google's. */
async function findTrustPolicy(flags: Flags, warn: Warn): Promise<TrustPolicy> {
  const { serviceAccountUniqueId, issuer, namespace, serviceAccountName, audience } = flags;
  if (issuer !== undefined) return createTrustPolicy({ ...clusterOf(flags, issuer), serviceAccountUniqueId });
  for (const [flag, value] of Object.entries({ namespace, "service-account-name": serviceAccountName })) {
    if (value !== undefined)
      throw invalidConfiguration(`--${flag} says whose token of a cluster it is: give --issuer too.`);
  }
  if (serviceAccountUniqueId !== undefined) return createTrustPolicy({ serviceAccountUniqueId, audience });
  return policyOfToken(flags, warn);
}

/** The account and the partition are those of the role in the environment, unless flags name others. */
function clusterOf(flags: Flags, issuer: string | readonly string[]): ClusterTrustPolicyInit {
  const role = parseRoleArn(process.env.AWS_ROLE_ARN);
  const { awsAccountId = role?.accountId || undefined, namespace, serviceAccountName, audience } = flags;
  const needed = { "aws-account-id": awsAccountId, namespace, "service-account-name": serviceAccountName };
  const missing = Object.entries(needed).find(([, value]) => value === undefined)?.[0];
  if (missing) throw invalidConfiguration(`A trust policy for a cluster's tokens needs --${missing}.`);
  const awsPartition = flags.awsPartition ?? role?.partition;
  return { issuer, awsAccountId, namespace, serviceAccountName, audience, awsPartition } as ClusterTrustPolicyInit;
}

async function policyOfToken(flags: Flags, warn: Warn): Promise<TrustPolicy> {
  const { audience = DEFAULT_AUDIENCE } = flags;
  const file = findTokenFile({});
  const { claims } =
    file === undefined
      ? await createIdTokenSource(audience)()
      : await readTokenFile(file, audience, startDeadline(DEFAULT_TIMEOUT_MS));
  if (file === undefined || isGoogleIssuer(claims.iss)) return policyOfGoogleToken(claims, audience, warn);
  const [, namespace, serviceAccountName] = SUBJECT.exec(claims.sub ?? "") ?? [];
  if (claims.iss === undefined || namespace === undefined || serviceAccountName === undefined)
    throw new Error(`The token in ${file} is not one of a Kubernetes service account.`);
  return createTrustPolicy(clusterOf({ ...flags, namespace, serviceAccountName }, claims.iss));
}

/**
 * IAM compares `aud` with the token's `azp`: where that is not the service account's unique id, as some ways to mint a
 * token make it, the policy must name it all the same.
 */
function policyOfGoogleToken({ azp, sub = "" }: IdTokenClaims, audience: string, warn: Warn): TrustPolicy {
  const policy = createTrustPolicy({ serviceAccountUniqueId: sub, audience });
  if (azp === sub) return policy;
  warn("The token's azp is not the service account's unique id: the policy requires what the token says.");
  return trustPolicyFor(["accounts.google.com"], { aud: azp ?? audience, oaud: audience, sub });
}
