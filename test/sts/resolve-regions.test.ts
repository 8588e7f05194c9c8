import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it, vi } from "vitest";
import type { GkeWorkloadIdentityEvent } from "../../src/options/events.js";
import { resolveStsRegions, type StsRegionsInit } from "../../src/sts/regions.js";

const roleArn = "arn:aws:iam::123456789012:role/reader";
const directory = mkdtempSync(join(tmpdir(), "sts-regions-"));
afterAll(() => rmSync(directory, { recursive: true }));

const resolve = (init: Partial<StsRegionsInit> = {}) => resolveStsRegions({ roleArn, emit: () => {}, ...init });
const callerIn = (region: string) => ({ region: async () => region });

const configFile = join(directory, "config");
writeFileSync(configFile, "[default]\nregion = eu-west-3\n[profile team]\nregion = eu-north-1\n");
const useConfigFile = () => vi.stubEnv("AWS_CONFIG_FILE", configFile);

describe("the region of STS", () => {
  it("is clientConfig.region before all else, also where it is a function", async () => {
    vi.stubEnv("AWS_REGION", "eu-west-1");
    const others = { stsRegions: ["us-west-1"], callerClientConfig: callerIn("us-west-2") };
    expect(await resolve({ clientConfig: { region: "sa-east-1" }, ...others })).toEqual(["sa-east-1"]);
    expect(await resolve({ clientConfig: { region: async () => "sa-east-1" }, ...others })).toEqual(["sa-east-1"]);
  });

  it("is stsRegions, in their order, before the calling client's", async () => {
    const stsRegions = ["us-west-2", "us-east-2"];
    expect(await resolve({ stsRegions, callerClientConfig: callerIn("eu-west-1") })).toEqual(stsRegions);
  });

  it("is the calling client's before AWS_REGION", async () => {
    vi.stubEnv("AWS_REGION", "eu-west-1");
    expect(await resolve({ callerClientConfig: callerIn("ap-northeast-2") })).toEqual(["ap-northeast-2"]);
    expect(await resolve({ callerClientConfig: { region: "ap-northeast-2" } })).toEqual(["ap-northeast-2"]);
  });

  it("is AWS_REGION where the calling client has none", async () => {
    vi.stubEnv("AWS_REGION", "eu-west-1");
    expect(await resolve()).toEqual(["eu-west-1"]);
    const noRegion = { region: () => Promise.reject(new Error("Region is missing")) };
    expect(await resolve({ callerClientConfig: noRegion })).toEqual(["eu-west-1"]);
  });

  it("is the profile's where AWS_REGION is not set", async () => {
    useConfigFile();
    expect(await resolve({ clientConfig: { profile: "team" } })).toEqual(["eu-north-1"]);
    expect(await resolve({ callerClientConfig: { profile: "team" } })).toEqual(["eu-north-1"]);
  });

  it.each([
    ["arn:aws:iam::123456789012:role/x", "us-east-1"],
    ["arn:aws-us-gov:iam::123456789012:role/x", "us-gov-west-1"],
    ["arn:aws-cn:iam::123456789012:role/x", "cn-north-1"],
  ])("for %s is %s where nothing is configured, and that is told", async (arn, region) => {
    const events: GkeWorkloadIdentityEvent[] = [];
    const logger = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() };
    expect(await resolve({ roleArn: arn, logger, emit: (event) => events.push(event) })).toEqual([region]);
    expect(events).toEqual([{ type: "stsRegionDefaulted", region }]);
    expect(logger.warn).toHaveBeenCalledExactlyOnceWith(expect.stringContaining(region));
  });

  it.each<[source: string, init: Partial<StsRegionsInit>]>([
    ["clientConfig.region", { clientConfig: { region: "us-east-1" } }],
    ["stsRegions", { stsRegions: ["us-gov-west-1", "us-east-1"] }],
    ["the calling client's region", { callerClientConfig: callerIn("us-east-1") }],
  ])("of another partition than the role's is refused: %s", async (source, init) => {
    await expect(resolve({ roleArn: "arn:aws-us-gov:iam::123456789012:role/x", ...init })).rejects.toMatchObject({
      code: "INVALID_CONFIGURATION",
      message: expect.stringMatching(`^${source} is us-east-1.*aws-us-gov.*us-gov-west-1`),
    });
  });

  it("of AWS_REGION in another partition is refused", async () => {
    vi.stubEnv("AWS_REGION", "cn-north-1");
    await expect(resolve()).rejects.toThrow(/AWS_REGION.*cn-north-1/);
  });

  it("that no AWS partition knows passes: another STS implementation's", async () => {
    expect(await resolve({ roleArn: "arn:aws:iam:::role/x", clientConfig: { region: "default" } })).toEqual([
      "default",
    ]);
    expect(await resolve({ roleArn: "arn:minio:iam:::role/x", clientConfig: { region: "us-east-1" } })).toEqual([
      "us-east-1",
    ]);
  });

  describe.each(['"ap-northeast-2"', "ap-northeast-2 ", "ap-northeast-2\n", "ap_northeast_2", "-x", "a.b"])(
    "%j",
    (region) => {
      const refused = (place: string) => ({
        code: "INVALID_CONFIGURATION",
        message: expect.stringMatching(
          new RegExp(`^${place} is .*, but must be the name of an AWS region, such as ap-northeast-2\\.`),
        ),
      });

      it("is refused, by the name of the place where it stands", async () => {
        await expect(resolve({ clientConfig: { region } })).rejects.toMatchObject(refused("clientConfig\\.region"));
        await expect(resolve({ callerClientConfig: callerIn(region) })).rejects.toMatchObject(
          refused("the calling client's region"),
        );
        vi.stubEnv("AWS_DEFAULT_REGION", region);
        await expect(resolve({ clientConfig: { region } })).rejects.toMatchObject(refused("AWS_DEFAULT_REGION"));
        vi.stubEnv("AWS_REGION", region);
        await expect(resolve()).rejects.toMatchObject(refused("AWS_REGION"));
        await expect(resolve({ callerClientConfig: callerIn(region) })).rejects.toMatchObject(refused("AWS_REGION"));
      });
    },
  );

  it("is shown when it is refused, unless it does not look like a region", async () => {
    const messageFor = (region: string) => resolve({ clientConfig: { region } }).catch(({ message }) => message);
    expect(await messageFor('"ap-northeast-2"')).toContain('clientConfig.region is "\\"ap-northeast-2\\"", but');
    expect(await messageFor("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")).toContain("a text of 40 characters");
  });

  it.each(["aws-global", "auto", "global", "aws-cn-global", "*", ""])(
    "is the next source's when one says %j",
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

  it("that cannot be found out says why", async () => {
    const cause = new Error("no region service");
    await expect(resolve({ clientConfig: { region: () => Promise.reject(cause) } })).rejects.toMatchObject({
      code: "INVALID_CONFIGURATION",
      message: expect.stringContaining("no region service"),
      cause: { text: "no region service" },
    });
  });
});
