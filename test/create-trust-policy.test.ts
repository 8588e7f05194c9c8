import { describe, expect, it } from "vitest";
import { createTrustPolicy } from "../src/index.js";

const serviceAccountUniqueId = "111035977024964273138";

describe("createTrustPolicy", () => {
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
        expect.objectContaining({
          code: "INVALID_CONFIGURATION",
          message: expect.stringContaining("serviceAccountUniqueId is"),
        }),
      );
    },
  );

  it.each(["", " ", 1, null])("refuses the audience %j", (audience) => {
    expect(() => createTrustPolicy({ serviceAccountUniqueId, audience: audience as never })).toThrow(/^audience is /);
  });
});
