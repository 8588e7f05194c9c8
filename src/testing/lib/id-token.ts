/** The Google service account of the fakes and of the metadata server, where a test names none. */
export const EXAMPLE_ACCOUNT = {
  email: "reader@example-project.iam.gserviceaccount.com",
  uniqueId: "111035977024964273138",
};

/** The claims of an ID token as Google makes it (`format=full`, without those of Compute Engine). */
export function googleClaims(account: typeof EXAMPLE_ACCOUNT | null, lifetimeSeconds = 3600) {
  const issuedAt = Math.floor(Date.now() / 1000);
  return {
    aud: "sts.amazonaws.com",
    azp: account?.uniqueId,
    email: account?.email,
    email_verified: true,
    exp: issuedAt + lifetimeSeconds,
    iat: issuedAt,
    iss: "https://accounts.google.com",
    sub: account?.uniqueId,
  };
}

/** The parts of a JSON Web Token (RFC 7519): JSON as base64url. */
export const encodeJwt = (...parts: readonly object[]): string =>
  parts.map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
