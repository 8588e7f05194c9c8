import { describe, expect, it } from "vitest";
import { describeIssuer } from "../../src/doctor/check-workload.js";

describe("describeIssuer", () => {
  it.each([
    ["accounts.google.com", "Google's", "accounts.google.com"],
    ["https://accounts.google.com", "Google's", "accounts.google.com"],
    ["https://container.googleapis.com/v1/p", "a GKE cluster's", "the IAM OIDC provider container.googleapis.com/v1/p"],
    [
      "https://oidc.eks.eu-west-1.amazonaws.com/id/A",
      "an EKS cluster's",
      "the IAM OIDC provider oidc.eks.eu-west-1.amazonaws.com/id/A",
    ],
    [
      "https://westeurope.oic.prod-aks.azure.com/t/",
      "an AKS cluster's",
      "the IAM OIDC provider westeurope.oic.prod-aks.azure.com/t/",
    ],
    ["https://accounts.google.com.example", "another issuer's", "the IAM OIDC provider accounts.google.com.example"],
    [undefined, "of an issuer that it does not name", "that issuer"],
  ])("says of %s who made the token and what the role must trust", (iss, owner, trusted) => {
    expect(describeIssuer(iss)).toEqual({ owner, trusted });
  });
});
