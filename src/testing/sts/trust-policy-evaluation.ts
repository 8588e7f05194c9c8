import type { Session } from "./aws-sts-sessions.js";

/** A trust policy as IAM stores it: the part of its grammar that a web identity or an assumed role can meet. */
export interface TrustPolicyDocument {
  /** The version of IAM's policy language; not looked at. */
  readonly Version?: string;
  /** One statement, or several: one must allow, and none deny. */
  readonly Statement: TrustPolicyStatement | readonly TrustPolicyStatement[];
}

/** One statement of a {@link TrustPolicyDocument}. */
export interface TrustPolicyStatement {
  /** `Allow` or `Deny`. */
  readonly Effect: string;
  /** Whom the statement is about. */
  readonly Principal?:
    | string
    | {
        /** Identity providers, for example `accounts.google.com`. */
        readonly Federated?: string | readonly string[];
        /** Accounts, roles and role sessions, for role chaining. */
        readonly AWS?: string | readonly string[];
      };
  /** `sts:AssumeRoleWithWebIdentity`, `sts:AssumeRole`, or a pattern. */
  readonly Action?: string | readonly string[];
  /** By operator, then by key: `StringEquals`, `StringEqualsIgnoreCase` and `StringLike` are evaluated. */
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
}

interface Attempt {
  readonly action: string;
  /** What a policy may call who attempts it, and under which kind of principal; `*` is everybody. */
  readonly kind: "Federated" | "AWS";
  readonly names: readonly string[];
  /** The values of the condition keys. A key may have several, such as a token's list of audiences. */
  readonly keys: Readonly<Record<string, unknown>>;
}

const asList = <T>(value: T | readonly T[] | undefined): readonly T[] => [value ?? []].flat() as T[];

/** `*` and `?` of IAM's `StringLike`. */
const like = (pattern: string, value: string): boolean =>
  new RegExp(
    `^${pattern
      .replace(/[.+^${}()|[\]\\]/g, "\\$&")
      .replace(/\*/g, ".*")
      .replace(/\?/g, ".")}$`,
    "s",
  ).test(value);

const OPERATORS: Readonly<Record<string, (expected: string, value: string) => boolean>> = {
  StringEquals: (expected, value) => expected === value,
  StringEqualsIgnoreCase: (expected, value) => expected.toLowerCase() === value.toLowerCase(),
  StringLike: like,
};

/** Refuses a policy that this evaluation would misread, rather than let a test pass by mistake. */
export function requireKnownOperators(policy: TrustPolicyDocument): void {
  for (const { Condition = {} } of asList(policy.Statement)) {
    for (const operator of Object.keys(Condition)) {
      if (Object.hasOwn(OPERATORS, operator)) continue;
      const known = Object.keys(OPERATORS).join(", ");
      throw new TypeError(`the trust policy has the condition operator ${operator}; startAwsSts knows ${known}`);
    }
  }
}

/** `${$}`, `${*}` and `${?}` stand for the characters (IAM user guide, policy variables). */
const withoutEscapes = (value: string): string => value.replace(/\$\{([$*?])\}/g, "$1");

/** Where a key has several values, one that matches is enough. */
function meets(condition: NonNullable<TrustPolicyStatement["Condition"]>, keys: Attempt["keys"]): boolean {
  return Object.entries(condition).every(([operator, expectations]) =>
    Object.entries(expectations).every(([key, expected]) => {
      const values = [keys[key]].flat().filter((value) => typeof value === "string");
      return values.some((value) => asList(expected).some((one) => OPERATORS[operator]?.(withoutEscapes(one), value)));
    }),
  );
}

/** One Allow, and no Deny. */
function allows(policy: TrustPolicyDocument, { action, kind, names, keys }: Attempt): boolean {
  const applying = asList(policy.Statement).filter(({ Principal, Action, Condition = {} }) => {
    const principals = typeof Principal === "string" ? [Principal] : asList(Principal?.[kind]);
    return (
      principals.some((principal) => principal === "*" || names.includes(principal)) &&
      asList(Action).some((one) => like(one.toLowerCase(), action.toLowerCase())) &&
      meets(Condition, keys)
    );
  });
  return applying.some(({ Effect }) => Effect === "Allow") && !applying.some(({ Effect }) => Effect === "Deny");
}

/**
 * Whether the policy allows a token with these claims to assume the role.
 *
 * @param provider - The `Federated` principal: `accounts.google.com`, or the ARN of an OIDC provider. What stands before the
 * colon in condition keys is the issuer without `https://` (AWS IAM user guide, keys for OIDC federation).
 */
export function isTrusted(policy: TrustPolicyDocument, provider: string, claims: Readonly<Record<string, unknown>>) {
  const { azp, aud, sub, email } = claims;
  const issuer = provider.replace(/^arn:.*:oidc-provider\//, "");
  return allows(policy, {
    action: "sts:AssumeRoleWithWebIdentity",
    kind: "Federated",
    names: [provider],
    keys: {
      [`${issuer}:aud`]: azp ?? aud,
      [`${issuer}:oaud`]: aud,
      [`${issuer}:sub`]: sub,
      [`${issuer}:email`]: email,
    },
  });
}

/**
 * Whether the policy lets another role's session assume the role, with the principals of a role session (AWS IAM user
 * guide, AWS JSON policy elements: Principal).
 */
export const isTrustedCaller = (
  policy: TrustPolicyDocument,
  { roleArn, caller: { account, arn } }: Pick<Session, "roleArn" | "caller">,
  externalId: string | null,
): boolean =>
  allows(policy, {
    action: "sts:AssumeRole",
    kind: "AWS",
    names: [account, roleArn.replace(/:role\/.*/, ":root"), roleArn, arn],
    keys: { "aws:PrincipalArn": roleArn, "aws:PrincipalAccount": account, "sts:ExternalId": externalId },
  });
