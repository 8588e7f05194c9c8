import type { Logger } from "@smithy/types";
import { GkeWorkloadIdentityError } from "../errors/gke-workload-identity-error.js";
import { describeFailure } from "../lib/foreign-failure.js";
import { redactText } from "../lib/redact.js";
import type { Emit } from "../options/events.js";
import { loadConfigProvider } from "./exchange-packages.js";
import { defaultRegionOfPartition, partitionOfArn, partitionOfRegion } from "./partitions.js";

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
 * `AWS_REGION` or the profile's, the default region of the role's partition.
 *
 * @throws GkeWorkloadIdentityError `INVALID_CONFIGURATION` for a region of another partition than the role's, or when no region is found.
 */
export async function resolveStsRegions(init: StsRegionsInit): Promise<readonly string[]> {
  const { source, regions } = await findRegions(init).catch((error: unknown) => {
    if (error instanceof GkeWorkloadIdentityError) throw error;
    const reason = `The region of STS could not be found out: ${redactText(describeFailure(error).text)}`;
    throw new GkeWorkloadIdentityError("INVALID_CONFIGURATION", { reason }, { cause: error });
  });
  for (const region of regions) requireSamePartition(source, region, init.roleArn);
  return regions;
}

async function findRegions(init: StsRegionsInit): Promise<{ source: string; regions: readonly string[] }> {
  const { region: configured, profile } = init.clientConfig ?? {};
  const fixed = await regionValue(configured);
  if (fixed !== undefined) return { source: "clientConfig.region", regions: [fixed] };
  if (init.stsRegions) return { source: "stsRegions", regions: init.stsRegions };
  return regionOfSurroundings(init, typeof profile === "string" ? profile : init.callerClientConfig?.profile);
}

async function regionOfSurroundings(
  { roleArn, callerClientConfig, logger, emit }: StsRegionsInit,
  profile: string | undefined,
): Promise<{ source: string; regions: readonly string[] }> {
  // A client without a region fails at its own request; here it only means that the next source is asked.
  const callers = await regionValue(callerClientConfig?.region).catch(() => undefined);
  if (callers !== undefined) return { source: "the calling client's region", regions: [callers] };

  const { loadConfig } = await loadConfigProvider();
  const ofProfile = await loadConfig<string>(
    {
      environmentVariableSelector: (env) => env.AWS_REGION || undefined,
      configFileSelector: (section) => section.region,
      default: "",
    },
    profile === undefined ? {} : { profile },
  )();
  if (ofProfile) return { source: "AWS_REGION or the profile's region", regions: [ofProfile] };

  const region = defaultRegionOfPartition(partitionOfArn(roleArn));
  logger?.warn(`gke-aws-credentials: no region is configured, STS is called in ${region}. Set AWS_REGION.`);
  emit({ type: "stsRegionDefaulted", region });
  return { source: "the partition's default", regions: [region] };
}

async function regionValue(region: unknown): Promise<string | undefined> {
  const value: unknown = typeof region === "function" ? await region() : region;
  return typeof value === "string" && value !== "" ? value : undefined;
}

function requireSamePartition(source: string, region: string, roleArn: string): void {
  const ofRegion = partitionOfRegion(region);
  const ofRole = partitionOfArn(roleArn);
  if (ofRegion === undefined || !ofRole.startsWith("aws") || ofRegion === ofRole) return;
  throw new GkeWorkloadIdentityError("INVALID_CONFIGURATION", {
    reason: `${source} is ${region}, in the partition ${ofRegion}, but the role ${roleArn} is in ${ofRole}: STS must be called in a region of ${ofRole}, such as ${defaultRegionOfPartition(ofRole)}.`,
  });
}
