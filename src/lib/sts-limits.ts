/** What STS accepts. https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html */
export const MIN_DURATION_SECONDS = 900;
export const MAX_DURATION_SECONDS = 43_200;
/** What STS takes when no duration is asked for. */
export const DEFAULT_DURATION_SECONDS = 3_600;
export const MAX_POLICY_CHARACTERS = 2_048;
export const MAX_POLICY_ARNS = 10;
export const MAX_SESSION_NAME_CHARACTERS = 64;
export const SESSION_NAME = /^[\w+=,.@-]{2,64}$/;
/** The longest web identity token. */
export const MAX_TOKEN_CHARACTERS = 20_000;
