/** The `aud` claim that tokens are asked for, and that trust policies require, unless the user names another. */
export const DEFAULT_AUDIENCE = "sts.amazonaws.com";
/** The metadata server's name for the workload's own service account. */
export const DEFAULT_SERVICE_ACCOUNT = "default";
export const DEFAULT_TIMEOUT_MS = 30_000;
/** STS's own length of a session. */
export const DEFAULT_DURATION_SECONDS = 3_600;
