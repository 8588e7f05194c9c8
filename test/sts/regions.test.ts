import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it, vi } from "vitest";
import { resolveStsRegions, type StsRegionsInit } from "../../src/sts/regions.js";
import { failureOf } from "../support/provide.js";

const roleArn = "arn:aws:iam::123456789012:role/reader";
const directory = mkdtempSync(join(tmpdir(), "sts-regions-"));
afterAll(() => rmSync(directory, { recursive: true }));

const resolve = (init: Partial<StsRegionsInit> = {}) => resolveStsRegions({ roleArn, emit: () => {}, ...init });
const callerIn = (region: string) => ({ region: async () => region });

function useProfiles(): void {
  const file = join(directory, "config");
  writeFileSync(
    file,
    "[default]\nregion = eu-west-3\n[profile team]\nregion = eu-north-1\n[profile bad]\nregion = a_b\n",
  );
  vi.stubEnv("AWS_CONFIG_FILE", file);
}

describe("resolveStsRegions", () => {
  it("takes clientConfig.region first, also when it is a function", async () => {
    vi.stubEnv("AWS_REGION", "eu-west-1");
    const others = { stsRegions: ["us-west-1"], callerClientConfig: callerIn("us-west-2") };
    expect(await resolve({ clientConfig: { region: "sa-east-1" }, ...others })).toEqual(["sa-east-1"]);
    expect(await resolve({ clientConfig: { region: async () => "sa-east-1" }, ...others })).toEqual(["sa-east-1"]);
  });

  it("takes stsRegions in their order, then the calling client's region, then AWS_REGION", async () => {
    vi.stubEnv("AWS_REGION", "eu-west-1");
    const stsRegions = ["us-west-2", "us-east-2"];
    expect(await resolve({ stsRegions, callerClientConfig: callerIn("sa-east-1") })).toEqual(stsRegions);
    expect(await resolve({ callerClientConfig: callerIn("ap-northeast-2") })).toEqual(["ap-northeast-2"]);
    expect(await resolve({ callerClientConfig: { region: "ap-northeast-2" } })).toEqual(["ap-northeast-2"]);
    expect(await resolve()).toEqual(["eu-west-1"]);
    const noRegion = { region: () => Promise.reject(new Error("Region is missing")) };
    expect(await resolve({ callerClientConfig: noRegion })).toEqual(["eu-west-1"]);
  });

  it("takes the profile's region when AWS_REGION is not set", async () => {
    useProfiles();
    expect(await resolve()).toEqual(["eu-west-3"]);
    expect(await resolve({ clientConfig: { profile: "team" } })).toEqual(["eu-north-1"]);
    expect(await resolve({ callerClientConfig: { profile: "team" } })).toEqual(["eu-north-1"]);
  });

  it.each([
    ["arn:aws:iam::123456789012:role/x", "us-east-1"],
    ["arn:aws-us-gov:iam::123456789012:role/x", "us-gov-west-1"],
    ["arn:aws-cn:iam::123456789012:role/x", "cn-north-1"],
    ["arn:aws-eusc:iam::123456789012:role/x", "eusc-de-east-1"],
  ])("takes the partition's default for %s, and says so, when nothing is configured: %s", async (arn, region) => {
    const emit = vi.fn();
    const logger = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() };
    expect(await resolve({ roleArn: arn, logger, emit })).toEqual([region]);
    expect(emit.mock.calls).toEqual([[{ type: "stsRegionDefaulted", region }]]);
    expect(logger.warn).toHaveBeenCalledExactlyOnceWith(expect.stringContaining(region));
  });

  it.each<[source: string, init: Partial<StsRegionsInit>]>([
    ["clientConfig.region", { clientConfig: { region: "us-east-1" } }],
    ["stsRegions", { stsRegions: ["us-gov-west-1", "us-east-1"] }],
    ["The calling client's region", { callerClientConfig: callerIn("us-east-1") }],
  ])("refuses a region of another partition than the role's when it comes from %s", async (source, init) => {
    const { code, message } = await failureOf(() =>
      resolve({ roleArn: "arn:aws-us-gov:iam::123456789012:role/x", ...init }),
    );
    expect(code).toBe("INVALID_CONFIGURATION");
    expect(message).toMatch(new RegExp(`^${source} is us-east-1.*aws-us-gov.*us-gov-west-1`));
  });

  it.each([
    ["arn:aws:iam:::role/x", "default"],
    ["arn:minio:iam:::role/x", "us-east-1"],
    ["arn:aws-iso:iam::123456789012:role/x", "us-iso-east-1"],
  ])("leaves partitions that it does not know to the SDK, as for %s in %s", async (arn, region) => {
    expect(await resolve({ roleArn: arn, clientConfig: { region } })).toEqual([region]);
  });

  it.each(['"ap-northeast-2"', "ap-northeast-2 ", "ap_northeast_2", "-x", "a.b"])(
    "refuses %j by the name of the option or variable that holds it",
    async (region) => {
      const messageOf = async (init: Partial<StsRegionsInit> = {}) => (await failureOf(() => resolve(init))).message;
      const said = " must be the name of an AWS region, such as ap-northeast-2, got ";
      expect(await messageOf({ clientConfig: { region } })).toContain(`clientConfig.region${said}`);
      expect(await messageOf({ callerClientConfig: callerIn(region) })).toContain(`The calling client's region${said}`);
      vi.stubEnv("AWS_DEFAULT_REGION", region);
      expect(await messageOf({ clientConfig: { region } })).toContain(`AWS_DEFAULT_REGION${said}`);
      vi.stubEnv("AWS_REGION", region);
      expect(await messageOf()).toContain(`AWS_REGION${said}`);
      expect(await messageOf({ callerClientConfig: callerIn(region) })).toContain(`AWS_REGION${said}`);
    },
  );

  it("shows a wrong region only when it looks like one", async () => {
    const messageFor = async (region: string) => (await failureOf(() => resolve({ clientConfig: { region } }))).message;
    expect(await messageFor('"ap-northeast-2"')).toContain('got "\\"ap-northeast-2\\""');
    expect(await messageFor("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")).toContain("got a string [");
  });

  it.each(["aws-global", "auto", "global", "aws-cn-global", "*", ""])(
    "takes the next source when one says %j, which is no region",
    async (name) => {
      vi.stubEnv("AWS_REGION", "eu-west-1");
      const others = { stsRegions: [name, "us-west-2"], callerClientConfig: callerIn("sa-east-1") };
      expect(await resolve({ clientConfig: { region: name }, ...others })).toEqual(["us-west-2"]);
      expect(await resolve({ ...others, stsRegions: [name] })).toEqual(["sa-east-1"]);
      expect(await resolve({ callerClientConfig: callerIn(name) })).toEqual(["eu-west-1"]);
      vi.stubEnv("AWS_REGION", name);
      expect(await resolve()).toEqual(["us-east-1"]);
    },
  );

  it("says which setting cannot be read when a region provider or the profile fails", async () => {
    const noService = new Error("no region service");
    const region = () => Promise.reject(noService);
    const failure = await failureOf(() => resolve({ clientConfig: { region } }));
    expect(failure).toMatchObject({ code: "INVALID_CONFIGURATION", cause: { message: "no region service" } });
    expect(failure.message).toContain("clientConfig.region could not be read: no region service");
    useProfiles();
    const { message } = await failureOf(() => resolve({ clientConfig: { profile: "bad" } }));
    expect(message).toContain("The profile's region");
  });
});
