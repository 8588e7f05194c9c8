import { isGkeWorkloadIdentityError } from "./gke-workload-identity-error.js";

/** Whether the same call may succeed a moment later. */
export const isRetryable = (error: unknown): boolean => isGkeWorkloadIdentityError(error) && error.retryable;
