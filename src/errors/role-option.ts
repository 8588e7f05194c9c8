import { parseRoleArn } from "../lib/role-arn.js";
import { shellOption } from "../lib/shell-word.js";
import type { ErrorDetails } from "./error-codes.js";

/** The role, as the commands of the AWS CLI take it. */
export const ofRole = ({ roleArn }: ErrorDetails): string =>
  shellOption("--role-name", parseRoleArn(roleArn)?.roleName ?? "ROLE_NAME");
