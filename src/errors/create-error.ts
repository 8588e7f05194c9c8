import type { ErrorDetails, GkeWorkloadIdentityErrorCode } from "./error-codes.js";
import { ERRORS } from "./error-table.js";
import { textsOf } from "./format-error.js";
import { GkeWorkloadIdentityError } from "./gke-workload-identity-error.js";

/** Makes an error of what its code says in the table and of what happened. */
export const createError = (
  code: GkeWorkloadIdentityErrorCode,
  details: ErrorDetails = {},
  options?: ErrorOptions,
): GkeWorkloadIdentityError => new GkeWorkloadIdentityError(code, textsOf(code, ERRORS[code], details), options);
