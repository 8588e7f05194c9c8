import { invalidConfiguration } from "../errors/create-error.js";
import { describeFailure } from "../lib/failure.js";
import { parseRoleArn } from "../lib/role-arn.js";
import type { Emit } from "../options/events.js";
import { check, STS_REGION } from "../options/option-rules.js";
import type { ResolvedOptions } from "../options/options.js";
import { type CallerClientConfig, loadStsClient } from "./sts-client.js";

export interface StsRegionsInit extends Pick<ResolvedOptions, "clientConfig" | "stsRegions" | "logger"> {
  readonly roleArn: string;
  readonly callerClientConfig?: CallerClientConfig | undefined;
  readonly emit: Emit;
}

/** Names that the SDKs take for a region and that name none: of global endpoints, and of other S3 services. */
const NO_REGION = /^\s*(?:auto|global|\*|.*-global|)\s*$/;

/** How the regions of a partition begin, and which one's STS serves where none is configured. Others are the SDK's affair. */
const PARTITIONS = [
  { partition: "aws-cn", prefix: "cn-", region: "cn-north-1" },
  { partition: "aws-us-gov", prefix: "us-gov-", region: "us-gov-west-1" },
  { partition: "aws-eusc", prefix: "eusc-", region: "eusc-de-east-1" },
  { partition: "aws", prefix: "", region: "us-east-1" },
] as const;

/**
 * The regions to call STS in: the first of `clientConfig.region`, `stsRegions`, the calling client's region, `AWS_REGION` or
 * the profile's, the default region of the role's partition. A name such as `aws-global` or `auto`, which is no region,
 * counts as not configured.
 */
export async function resolveStsRegions(init: StsRegionsInit): Promise<readonly string[]> {
  const { roleArn, clientConfig, stsRegions, callerClientConfig, logger, emit } = init;
  const { partition = "" } = parseRoleArn(roleArn) ?? {};
  const profile = clientConfig?.profile ?? callerClientConfig?.profile;
  const sources: readonly (readonly [name: string, read: () => unknown])[] = [
    ["clientConfig.region", () => settingValue(clientConfig?.region)],
    ["stsRegions", () => stsRegions],
    // A client without a region fails at its own request; here it only means that the next source is asked.
    ["The calling client's region", () => settingValue(callerClientConfig?.region).catch(() => undefined)],
    ["AWS_REGION", () => process.env.AWS_REGION],
    ["The profile's region", () => profileRegion(profile)],
  ];
  for (const [source, read] of sources) {
    const found = await Promise.resolve(read()).catch((cause: unknown) => {
      throw invalidConfiguration(`${source} could not be read: ${describeFailure(cause).text}`, { cause });
    });
    const regions = [found].flat().filter((name): name is string => typeof name === "string" && !NO_REGION.test(name));
    for (const region of regions) {
      check(variableWith(region) ?? source, region, STS_REGION);
      requireSamePartition(source, region, roleArn, partition);
    }
    if (regions.length > 0) return regions;
  }
  const region = PARTITIONS.find((known) => known.partition === partition)?.region ?? "us-east-1";
  logger?.warn(`gke-aws-credentials: no region is configured, STS is called in ${region}. Set AWS_REGION.`);
  emit({ type: "stsRegionDefaulted", region });
  return [region];
}

/** The variable that a wrong region comes from, through a client or a command: it is what has to be corrected. */
const variableWith = (region: string): string | undefined =>
  ["AWS_REGION", "AWS_DEFAULT_REGION"].find((name) => process.env[name] === region);

const settingValue = async (setting: unknown): Promise<unknown> =>
  typeof setting === "function" ? setting() : setting;

/** As the SDK finds it. Where AWS_REGION is set, though to no region, the SDK does not look at the profile. */
async function profileRegion(profile: string | undefined): Promise<string | undefined> {
  const { STSClient } = await loadStsClient();
  const { region } = new STSClient({ ...(profile && { profile }), defaultsMode: "standard" }).config;
  return region().catch((error: unknown) => {
    if (process.env.AWS_REGION !== undefined || describeFailure(error).text === "Region is missing") return undefined;
    throw error;
  });
}

function requireSamePartition(source: string, region: string, roleArn: string, partition: string): void {
  const own = PARTITIONS.find((known) => known.partition === partition);
  // Another STS implementation has names of its own.
  if (!own || !/^[a-z]{2,4}(?:-[a-z]+)+-\d+$/.test(region)) return;
  const ofRegion = PARTITIONS.find(({ prefix }) => region.startsWith(prefix));
  if (ofRegion === own) return;
  throw invalidConfiguration(
    `${source} is ${region}, in the partition ${ofRegion?.partition}, but the role ${roleArn} is in ${partition}: call STS in a region such as ${own.region}`,
  );
}
