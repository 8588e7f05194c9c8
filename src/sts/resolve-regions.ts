import type { Logger } from "@smithy/types";
import { invalidConfiguration } from "../errors/invalid-configuration.js";
import { describeFailure } from "../lib/foreign-failure.js";
import { ownValue } from "../lib/own-value.js";
import { redactText } from "../lib/redact.js";
import type { Emit } from "../options/events.js";
import { validateRegion } from "../options/option-rules.js";
import { defaultRegionOfPartition, isRegion, partitionOfArn, partitionOfRegion } from "./partitions.js";
import { readSdkSetting } from "./sdk-setting.js";

/** What the SDK tells a provider of the client that asks (`callerClientConfig`). */
export interface CallerClientConfig {
  readonly region?: string | (() => Promise<string>) | undefined;
  readonly profile?: string | undefined;
  readonly [key: string]: unknown;
}

export interface StsRegionsInit {
  readonly roleArn: string;
  readonly clientConfig?: { readonly region?: unknown; readonly profile?: unknown } | undefined;
  readonly stsRegions?: readonly string[] | undefined;
  readonly callerClientConfig?: CallerClientConfig | undefined;
  readonly logger?: Logger | undefined;
  readonly emit: Emit;
}

/**
 * The regions to call STS in: the first of `clientConfig.region`, `stsRegions`, the calling client's region,
 * `AWS_REGION` or the profile's, the default region of the role's partition. A name such as `aws-global` or `auto`, which
 * is no region, counts as not configured.
 *
 * @throws GkeWorkloadIdentityError `INVALID_CONFIGURATION` if the region has no legal name or is in another partition than
 * the role, or if a setting cannot be read.
 */
export async function resolveStsRegions(init: StsRegionsInit): Promise<readonly string[]> {
  const { source, regions } = await findRegions(init);
  for (const region of regions) {
    validateRegion(variableWith(region) ?? source, region);
    requireSamePartition(source, region, init.roleArn);
  }
  return regions;
}

/** The variable that a wrong region comes from, through a client or a command: it is what has to be corrected. */
const variableWith = (region: string): string | undefined =>
  ["AWS_REGION", "AWS_DEFAULT_REGION"].find((name) => process.env[name] === region);

interface FoundRegions {
  readonly source: string;
  readonly regions: readonly string[];
}

/** The profile whose settings count: the STS client's, else the calling client's, else the SDK's own choice. */
export function profileOf(
  clientConfig: StsRegionsInit["clientConfig"],
  callerClientConfig: CallerClientConfig | undefined,
): string | undefined {
  const profile = ownValue(clientConfig, "profile") ?? callerClientConfig?.profile;
  return typeof profile === "string" ? profile : undefined;
}

async function findRegions(init: StsRegionsInit): Promise<FoundRegions> {
  const { clientConfig, stsRegions, callerClientConfig } = init;
  const configured = await configuredRegion(ownValue(clientConfig, "region"));
  if (configured !== undefined) return { source: "clientConfig.region", regions: [configured] };

  const listed = stsRegions?.filter(isRegion) ?? [];
  if (listed.length > 0) return { source: "stsRegions", regions: listed };

  // A client without a region fails at its own request; here it only means that the next source is asked.
  const callers = await regionValue(callerClientConfig?.region).catch(() => undefined);
  if (callers !== undefined) return { source: "the calling client's region", regions: [callers] };

  const profile = profileOf(clientConfig, callerClientConfig);
  const set = await readSdkSetting({ variable: "AWS_REGION", profileKey: "region" }, profile);
  if (set !== undefined && isRegion(set)) return { source: "AWS_REGION or the profile's region", regions: [set] };

  return defaultRegion(init);
}

function defaultRegion({ roleArn, logger, emit }: StsRegionsInit): FoundRegions {
  const region = defaultRegionOfPartition(partitionOfArn(roleArn));
  logger?.warn(`gke-aws-credentials: no region is configured, STS is called in ${region}. Set AWS_REGION.`);
  emit({ type: "stsRegionDefaulted", region });
  return { source: "the partition's default", regions: [region] };
}

const configuredRegion = (region: unknown): Promise<string | undefined> =>
  regionValue(region).catch((error: unknown) => {
    const reason = `clientConfig.region could not be read: ${redactText(describeFailure(error).text)}`;
    throw invalidConfiguration({ reason }, { cause: error });
  });

async function regionValue(region: unknown): Promise<string | undefined> {
  const value: unknown = typeof region === "function" ? await region() : region;
  return typeof value === "string" && isRegion(value) ? value : undefined;
}

function requireSamePartition(source: string, region: string, roleArn: string): void {
  const ofRegion = partitionOfRegion(region);
  const ofRole = partitionOfArn(roleArn);
  if (ofRegion === undefined || !ofRole.startsWith("aws") || ofRegion === ofRole) return;
  throw invalidConfiguration({
    reason: `${source} is ${region}, in the partition ${ofRegion}, but the role ${roleArn} is in ${ofRole}: STS must be called in a region of ${ofRole}, such as ${defaultRegionOfPartition(ofRole)}.`,
  });
}
