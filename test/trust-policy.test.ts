import { describe, expect, it } from "vitest";
import { createTrustPolicy } from "../src/index.js";

const serviceAccountUniqueId = "111035977024964273138";
const refused = (reason: string | RegExp) =>
  expect.objectContaining({ code: "INVALID_CONFIGURATION", message: expect.stringMatching(reason) });

describe("createTrustPolicy for a Google service account", () => {
  it("requires the service account twice and the audience", () => {
    expect(createTrustPolicy({ serviceAccountUniqueId, audience: "gcp" })).toEqual({
      Version: "2012-10-17",
      Statement: [
        {
          Effect: "Allow",
          Principal: { Federated: "accounts.google.com" },
          Action: "sts:AssumeRoleWithWebIdentity",
          Condition: {
            StringEquals: {
              "accounts.google.com:aud": serviceAccountUniqueId,
              "accounts.google.com:oaud": "gcp",
              "accounts.google.com:sub": serviceAccountUniqueId,
            },
          },
        },
      ],
    });
  });

  it("requires the provider's own audience by default", () => {
    const [statement] = createTrustPolicy({ serviceAccountUniqueId }).Statement;
    expect(statement.Condition.StringEquals["accounts.google.com:oaud"]).toBe("sts.amazonaws.com");
  });

  it.each([111035977024964273138n, 111035977024964280000, "", "123", "reader@p.iam.gserviceaccount.com", null, "*"])(
    "refuses the id %s",
    (id) => {
      expect(() => createTrustPolicy({ serviceAccountUniqueId: id as never })).toThrow(
        refused("^serviceAccountUniqueId must be"),
      );
    },
  );

  it.each(["", " ", 1, null])("refuses the audience %j", (audience) => {
    expect(() => createTrustPolicy({ serviceAccountUniqueId, audience: audience as never })).toThrow(
      refused("^audience must be"),
    );
  });
});

describe("createTrustPolicy for a cluster's service account", () => {
  const name = "container.googleapis.com/v1/projects/example/locations/asia-northeast3-a/clusters/blue";
  const cluster = {
    issuer: `https://${name}`,
    awsAccountId: "123456789012",
    namespace: "shop",
    serviceAccountName: "orders",
  };
  const clusters = (count: number) => Array.from({ length: count }, (_, index) => `${cluster.issuer}-${index}`);

  it("requires the audience and the subject of a token of the account's IAM OIDC provider", () => {
    expect(createTrustPolicy(cluster)).toEqual({
      Version: "2012-10-17",
      Statement: [
        {
          Effect: "Allow",
          Principal: { Federated: `arn:aws:iam::123456789012:oidc-provider/${name}` },
          Action: "sts:AssumeRoleWithWebIdentity",
          Condition: {
            StringEquals: {
              [`${name}:aud`]: "sts.amazonaws.com",
              [`${name}:sub`]: "system:serviceaccount:shop:orders",
            },
          },
        },
      ],
    });
  });

  it("has a statement for each issuer of a list, which differ in the issuer alone", () => {
    const policy = createTrustPolicy({ ...cluster, issuer: clusters(3), audience: "aws-${team}" });
    expect(policy.Statement).toHaveLength(3);
    expect(policy.Statement.map(({ Principal }) => Principal.Federated)).toEqual(
      [0, 1, 2].map((index) => `arn:aws:iam::123456789012:oidc-provider/${name}-${index}`),
    );
    expect(policy.Statement[2]?.Condition.StringEquals).toEqual({
      [`${name}-2:aud`]: "aws-${$}{team}",
      [`${name}-2:sub`]: "system:serviceaccount:shop:orders",
    });
  });

  it.each(["namespace", "serviceAccountName", "awsAccountId", "awsPartition"])(
    "refuses %s without an issuer, since it would restrict nothing",
    (name) => {
      const init = { serviceAccountUniqueId: "1".repeat(21), [name]: "shop" };
      expect(() => createTrustPolicy(init)).toThrow(`${name} is for the tokens of a cluster: pass issuer too`);
    },
  );

  it("refuses what is not an object of options", () => {
    expect(() => createTrustPolicy(undefined as never)).toThrow("init must be an object of options, got undefined");
  });

  it.each(["aws-cn", "aws-us-gov"])("names the provider in the partition %s", (awsPartition) => {
    const [statement] = createTrustPolicy({ ...cluster, awsPartition }).Statement;
    expect(statement.Principal.Federated).toBe(`arn:${awsPartition}:iam::123456789012:oidc-provider/${name}`);
  });

  it.each([
    "https://kubernetes.default.svc.cluster.local",
    "https://oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B716D3041E",
    "https://europe-west1.oic.prod-aks.azure.com/0f/1a",
    "https://issuer.example:8443/cluster",
  ])("takes the issuer %s", (issuer) => {
    const [statement] = createTrustPolicy({ ...cluster, issuer }).Statement;
    expect(statement.Principal.Federated).toMatch(new RegExp(`/${issuer.slice(8)}$`));
  });

  it.each([
    "",
    name,
    `http://${name}`,
    `https://${name}/`,
    `https://${name}?x=1`,
    `https://${name}#x`,
    "https://user@issuer.example",
    "https://Issuer.example",
    "https://issuer.example/a b",
    "https://issuer.example/*",
    `https://issuer.example/${"x".repeat(250)}`,
    "https://",
    1,
    null,
    [],
    [cluster.issuer, cluster.issuer],
    [cluster.issuer, "*"],
  ])("refuses the issuer %j", (issuer) => {
    expect(() => createTrustPolicy({ ...cluster, issuer: issuer as never })).toThrow(refused("^issuer must be"));
  });

  it.each(["https://accounts.google.com", [cluster.issuer, "https://accounts.google.com"]])(
    "refuses the issuer %j, and names serviceAccountUniqueId",
    (issuer) => {
      expect(() => createTrustPolicy({ ...cluster, issuer })).toThrow(refused("pass serviceAccountUniqueId"));
    },
  );

  it.each<[field: string, value: unknown]>([
    ["awsAccountId", 123456789012],
    ["awsAccountId", "12345678901"],
    ["awsAccountId", ""],
    ["namespace", ""],
    ["namespace", "*"],
    ["namespace", "Shop"],
    ["namespace", "shop:other"],
    ["namespace", "a".repeat(64)],
    ["namespace", undefined],
    ["serviceAccountName", ""],
    ["serviceAccountName", "*"],
    ["serviceAccountName", "-orders"],
    ["serviceAccountName", "orders-"],
    ["serviceAccountName", "orders\n"],
    ["serviceAccountName", undefined],
    ["audience", ""],
    ["awsPartition", "AWS"],
    ["awsPartition", "aws:iam"],
  ])("refuses %s %j by its name", (field, value) => {
    expect(() => createTrustPolicy({ ...cluster, [field]: value })).toThrow(refused(`^${field} must be `));
  });

  it("refuses an issuer together with a Google service account", () => {
    const both = { ...cluster, serviceAccountUniqueId };
    expect(() => createTrustPolicy(both)).toThrow(refused("exclude each other"));
  });

  it.each([
    [{ ...cluster, awsAccountID: "1" }, 'Unknown option "awsAccountID". Did you mean "awsAccountId"?'],
    [{ serviceAccountUniqueId, audiences: "gcp" }, 'Unknown option "audiences". Did you mean "audience"?'],
  ])("refuses an option that it does not know, with the nearest name (%#)", (init, reason) => {
    expect(() => createTrustPolicy(init)).toThrow(`${reason} [INVALID_CONFIGURATION]`);
  });

  it("keeps to IAM's limit of 4096 characters", () => {
    expect(JSON.stringify(createTrustPolicy({ ...cluster, issuer: clusters(7) })).length).toBeLessThanOrEqual(4_096);
    expect(() => createTrustPolicy({ ...cluster, issuer: clusters(12) })).toThrow(refused("allows at most 4096"));
  });
});
