import { describe, expect, it } from "vitest";
import { parseRoleArn } from "../../src/lib/role-arn.js";

describe("parseRoleArn", () => {
  it.each([
    ["arn:aws:iam::123456789012:role/reader", { partition: "aws", accountId: "123456789012", roleName: "reader" }],
    ["arn:aws-cn:iam::123456789012:role/a/b/c", { partition: "aws-cn", accountId: "123456789012", roleName: "c" }],
    ["arn:aws:iam:::role/x", { partition: "aws", accountId: "", roleName: "x" }],
    ["arn:ceph:iam:::role/x", { partition: "ceph", accountId: "", roleName: "x" }],
  ])("reads partition, account and name when the text is %s", (text, parts) => {
    expect(parseRoleArn(text)).toEqual(parts);
  });

  it.each(["", "reader", "arn:aws:iam::12345:role/reader", "arn:aws:iam::123456789012:user/x", 1, undefined])(
    "gives undefined when the value is %j",
    (value) => {
      expect(parseRoleArn(value)).toBeUndefined();
    },
  );
});
