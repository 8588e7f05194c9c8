import { describe, expect, it } from "vitest";
import { describeIssuer } from "../../src/doctor/token-issuer.js";

describe("describeIssuer", () => {
  it.each([
    ["accounts.google.com", true, "Google's", "accounts.google.com"],
    ["https://accounts.google.com", true, "Google's", "accounts.google.com"],
    [
      "https://container.googleapis.com/v1/p",
      false,
      "a GKE cluster's",
      "the IAM OIDC provider container.googleapis.com/v1/p",
    ],
    [
      "https://oidc.eks.eu-west-1.amazonaws.com/id/A",
      false,
      "an EKS cluster's",
      "the IAM OIDC provider oidc.eks.eu-west-1.amazonaws.com/id/A",
    ],
    [
      "https://westeurope.oic.prod-aks.azure.com/t/",
      false,
      "an AKS cluster's",
      "the IAM OIDC provider westeurope.oic.prod-aks.azure.com/t/",
    ],
    [
      "https://accounts.google.com.example",
      false,
      "another issuer's",
      "the IAM OIDC provider accounts.google.com.example",
    ],
    [undefined, false, "of an issuer that it does not name", "that issuer"],
  ])("says of %s who made the token and what the role must trust", (iss, isGoogle, owner, trusted) => {
    expect(describeIssuer(iss)).toEqual({ isGoogle, owner, trusted });
  });
});
