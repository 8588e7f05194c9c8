/** A trust policy as IAM stores it: the part of its grammar that a web identity can meet. */
export interface TrustPolicyDocument {
  readonly Version?: string;
  readonly Statement: TrustPolicyStatement | readonly TrustPolicyStatement[];
}

/** One statement of a {@link TrustPolicyDocument}. */
export interface TrustPolicyStatement {
  readonly Effect: string;
  readonly Principal?: string | { readonly Federated?: string | readonly string[] };
  readonly Action?: string | readonly string[];
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
}

type Claims = Readonly<Record<string, unknown>>;

const ACTION = "sts:AssumeRoleWithWebIdentity";

const asList = <T>(value: T | readonly T[] | undefined): readonly T[] =>
  value === undefined ? [] : Array.isArray(value) ? (value as readonly T[]) : [value as T];

/** The condition keys of accounts.google.com (AWS IAM user guide, keys for OIDC federation): `aud` is `azp` where there is one. */
function conditionKeys(provider: string, claims: Claims): ReadonlyMap<string, string> {
  const keys = { aud: claims.azp ?? claims.aud, oaud: claims.aud, sub: claims.sub, email: claims.email };
  return new Map(
    Object.entries(keys).flatMap(([key, value]) => (typeof value === "string" ? [[`${provider}:${key}`, value]] : [])),
  );
}

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

function meets(condition: NonNullable<TrustPolicyStatement["Condition"]>, keys: ReadonlyMap<string, string>): boolean {
  return Object.entries(condition).every(([operator, expectations]) =>
    Object.entries(expectations).every(([key, expected]) => {
      const test = OPERATORS[operator];
      const value = keys.get(key);
      return (
        test !== undefined && value !== undefined && asList(expected).some((one) => test(withoutEscapes(one), value))
      );
    }),
  );
}

/** Whether the policy lets a token with these claims of this provider assume the role: one Allow, and no Deny. */
export function isTrusted(policy: TrustPolicyDocument, provider: string, claims: Claims): boolean {
  const keys = conditionKeys(provider, claims);
  const applying = asList(policy.Statement).filter(({ Principal, Action, Condition = {} }) => {
    const principals = typeof Principal === "string" ? [Principal] : asList(Principal?.Federated);
    const actions = asList(Action);
    return (
      principals.some((principal) => principal === provider || principal === "*") &&
      actions.some((action) => like(action.toLowerCase(), ACTION.toLowerCase())) &&
      meets(Condition, keys)
    );
  });
  return applying.some(({ Effect }) => Effect === "Allow") && !applying.some(({ Effect }) => Effect === "Deny");
}
