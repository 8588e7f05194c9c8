import { describe, expect, it } from "vitest";
import { defaultRegionOfPartition, partitionOfArn, partitionOfRegion } from "../../src/sts/partitions.js";

describe("partitions", () => {
  it.each([
    ["us-east-1", "aws"],
    ["ap-northeast-2", "aws"],
    ["il-central-1", "aws"],
    ["mx-central-1", "aws"],
    ["us-gov-west-1", "aws-us-gov"],
    ["cn-northwest-1", "aws-cn"],
    ["eusc-de-east-1", "aws-eusc"],
    ["us-iso-west-1", "aws-iso"],
    ["us-isob-east-1", "aws-iso-b"],
    ["eu-isoe-west-1", "aws-iso-e"],
    ["us-isof-east-1", "aws-iso-f"],
    ["default", undefined],
    ["aws-global", undefined],
  ])("%s is a region of %s", (region, partition) => {
    expect(partitionOfRegion(region)).toBe(partition);
  });

  it.each([
    ["aws", "us-east-1"],
    ["aws-us-gov", "us-gov-west-1"],
    ["aws-cn", "cn-north-1"],
    ["minio", "us-east-1"],
  ])("of %s call STS in %s by default, a region of their own", (partition, region) => {
    expect(defaultRegionOfPartition(partition)).toBe(region);
  });

  it("are the second field of an ARN", () => {
    expect(partitionOfArn("arn:aws-cn:iam::123456789012:role/x")).toBe("aws-cn");
    expect(partitionOfArn("nothing")).toBe("");
  });
});
