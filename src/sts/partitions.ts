import { parseRoleArn } from "../lib/role-arn.js";

/**
 * AWS partitions: how their regions are named, and which region's STS serves where none is configured.
 * Source: `partitions.json` of the AWS SDKs (regionRegex, implicitGlobalRegion); GovCloud and China answer STS in these regions.
 */
const PARTITIONS: readonly { readonly partition: string; readonly regions: RegExp; readonly defaultRegion: string }[] =
  [
    { partition: "aws", regions: /^(us|eu|ap|sa|ca|me|af|il|mx)-[a-z]+-\d+$/, defaultRegion: "us-east-1" },
    { partition: "aws-us-gov", regions: /^us-gov-[a-z]+-\d+$/, defaultRegion: "us-gov-west-1" },
    { partition: "aws-cn", regions: /^cn-[a-z]+-\d+$/, defaultRegion: "cn-north-1" },
    { partition: "aws-eusc", regions: /^eusc-[a-z]+-[a-z]+-\d+$/, defaultRegion: "eusc-de-east-1" },
    { partition: "aws-iso", regions: /^us-iso-[a-z]+-\d+$/, defaultRegion: "us-iso-east-1" },
    { partition: "aws-iso-b", regions: /^us-isob-[a-z]+-\d+$/, defaultRegion: "us-isob-east-1" },
    { partition: "aws-iso-e", regions: /^eu-isoe-[a-z]+-\d+$/, defaultRegion: "eu-isoe-west-1" },
    { partition: "aws-iso-f", regions: /^us-isof-[a-z]+-\d+$/, defaultRegion: "us-isof-south-1" },
  ];

/** The partition of a role ARN. */
export const partitionOfArn = (arn: string): string => parseRoleArn(arn)?.partition ?? "";

/** The partition of a region, or undefined for a name that no AWS partition has (another STS implementation's). */
export const partitionOfRegion = (region: string): string | undefined =>
  PARTITIONS.find(({ regions }) => regions.test(region))?.partition;

/** Where STS is called when no region is configured anywhere. */
export const defaultRegionOfPartition = (partition: string): string =>
  PARTITIONS.find((known) => known.partition === partition)?.defaultRegion ?? "us-east-1";

/** Names that the SDKs take for a region and that name none: of global endpoints, and of other S3 services. */
const NO_REGION = /^(?:auto|global|\*|.*-global|)$/;

/** Whether a configured region can be one that STS is in. Names that AWS does not know may be another STS's. */
export const isRegion = (name: string): boolean => !NO_REGION.test(name.trim());
