/** The Google service account of the fakes and of the metadata server, where a test names none. */
export const EXAMPLE_ACCOUNT = {
  email: "reader@example-project.iam.gserviceaccount.com",
  uniqueId: "111035977024964273138",
} as const;

/** The claims of an ID token as Google makes it (`format=full`, without those of Compute Engine). */
export function googleClaims(
  account: { readonly email: string; readonly uniqueId: string } | null,
  {
    issuer = "https://accounts.google.com",
    audience = "sts.amazonaws.com",
    lifetimeSeconds = 3600,
  }: { issuer?: string | undefined; audience?: string | undefined; lifetimeSeconds?: number | undefined },
): Record<string, unknown> {
  const issuedAt = Math.floor(Date.now() / 1000);
  return {
    aud: audience,
    azp: account?.uniqueId,
    email: account?.email,
    email_verified: true,
    exp: issuedAt + lifetimeSeconds,
    iat: issuedAt,
    iss: issuer,
    sub: account?.uniqueId,
  };
}
