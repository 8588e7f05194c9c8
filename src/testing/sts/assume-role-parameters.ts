import { AwsServiceError } from "./aws-error.js";

export const validationError = (message: string): AwsServiceError => new AwsServiceError("ValidationError", message);

/** What both ways to assume a role ask for. */
export interface AssumeRoleParameters {
  readonly arn: string;
  readonly name: string;
  readonly seconds: number;
}

/** Reads and checks the parameters in the ranges of AssumeRole's and AssumeRoleWithWebIdentity's API reference. */
export function readAssumeRole(parameters: URLSearchParams): AssumeRoleParameters {
  const arn = parameters.get("RoleArn") ?? "";
  const name = parameters.get("RoleSessionName") ?? "";
  const seconds = Number(parameters.get("DurationSeconds") ?? 3600);
  if (!/^arn:[^:]+:iam::[^:]*:role\/.+$/.test(arn)) throw validationError("Request ARN is invalid");
  if (!/^[\w+=,.@-]{2,64}$/.test(name)) {
    throw validationError(
      `1 validation error detected: Value '${name}' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*`,
    );
  }
  if (!Number.isInteger(seconds) || seconds < 900 || seconds > 43_200) {
    throw validationError(
      `1 validation error detected: Value '${seconds}' at 'durationSeconds' failed to satisfy constraint: Member must have value between 900 and 43200`,
    );
  }
  const policy = parameters.get("Policy");
  if (policy !== null) requirePolicy(policy);
  return { arn, name, seconds };
}

/** Reads the token, whose length the API reference limits. */
export function readWebIdentityToken(parameters: URLSearchParams): string {
  const token = parameters.get("WebIdentityToken") ?? "";
  if (token.length < 4 || token.length > 20_000)
    throw validationError("1 validation error detected: Value at 'webIdentityToken' failed to satisfy constraint");
  return token;
}

function requirePolicy(policy: string): void {
  if (policy.length > 2048) throw new AwsServiceError("PackedPolicyTooLarge", "Serialized token too large for session");
  try {
    const { Statement } = JSON.parse(policy) as { Statement?: unknown };
    if (Statement) return;
  } catch {}
  throw new AwsServiceError("MalformedPolicyDocument", "Syntax errors in policy.");
}
