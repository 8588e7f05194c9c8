/** Who made a token, and what AWS needs to know for it. */
export interface TokenIssuer {
  readonly isGoogle: boolean;
  /** Whose token it is, as the start of a line. */
  readonly owner: string;
  /** The identity provider that the role must trust. */
  readonly trusted: string;
}

/** The issuers of the managed Kubernetes services, by the start of their URL. */
const CLUSTERS: readonly (readonly [issuer: RegExp, owner: string])[] = [
  [/^https:\/\/container\.googleapis\.com\//, "a GKE cluster's"],
  [/^https:\/\/oidc\.eks\.|^https:\/\/oidc-eks\./, "an EKS cluster's"],
  [/^https:\/\/[\w.-]+\.oic\.prod-aks\.azure\.com\//, "an AKS cluster's"],
];

/** Reads a token's `iss`. Google's comes with and without `https://` (OpenID Connect, Google's discovery document). */
export function describeIssuer(iss: string | undefined): TokenIssuer {
  if (iss === undefined)
    return { isGoogle: false, owner: "of an issuer that it does not name", trusted: "that issuer" };
  if (/^(https:\/\/)?accounts\.google\.com$/.test(iss)) {
    return { isGoogle: true, owner: "Google's", trusted: "accounts.google.com" };
  }
  const [, owner = "another issuer's"] = CLUSTERS.find(([pattern]) => pattern.test(iss)) ?? [];
  return { isGoogle: false, owner, trusted: `the IAM OIDC provider ${iss.replace(/^https:\/\//, "")}` };
}
