import { shellWord } from "../lib/shell-word.js";
import type { ErrorDetails } from "./error-codes.js";
import type { ErrorEntry } from "./error-entry.js";
import { textsOf } from "./format-error.js";
import { GkeWorkloadIdentityError } from "./gke-workload-identity-error.js";
import { ofRole } from "./role-option.js";

/** What corrects a wrong configuration, and the command for it where there is one. */
const correction = (d: ErrorDetails): string => {
  if (d.packageName)
    return "Install the dependencies again. In a bundle or an image, check that this package is in it. In Jest, set NODE_OPTIONS=--experimental-vm-modules. See which version there is:";
  if (d.durationSeconds === undefined) return "Correct the value that the message names.";
  return `Ask for less than durationSeconds ${d.durationSeconds}, or let the role's sessions be longer:`;
};

const correctionCommands = (d: ErrorDetails): readonly string[] => {
  if (d.packageName) return [`npm ls ${shellWord(d.packageName)}`];
  if (d.durationSeconds === undefined) return [];
  return [`aws iam update-role ${ofRole(d)} --max-session-duration ${d.durationSeconds}`];
};

export const INVALID_CONFIGURATION: ErrorEntry = {
  message: (d) => d.reason ?? "The configuration is not valid.",
  hint: correction,
  commands: correctionCommands,
  causes: [
    "An option, or a variable of the environment, has a value that cannot work: the message names it and says what is allowed.",
    "The region of STS is in another partition than the role.",
    "STS found a parameter wrong that only it can judge, such as a duration above the role's maximum.",
    "A package that this library needs could not be loaded: the message names it.",
  ],
  retryable: false,
  tryNextLink: false,
};

/** The one error that can come before the first request. All others are made by `createError`, which is loaded then. */
export const invalidConfiguration = (details: ErrorDetails, options?: ErrorOptions): GkeWorkloadIdentityError =>
  new GkeWorkloadIdentityError(
    "INVALID_CONFIGURATION",
    textsOf("INVALID_CONFIGURATION", INVALID_CONFIGURATION, details),
    options,
  );
