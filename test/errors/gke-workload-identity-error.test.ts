import { inspect } from "node:util";
import { describe, expect, it, vi } from "vitest";
import { createError, loadPackage } from "../../src/errors/create-error.js";
import type { ErrorDetails, Platform } from "../../src/errors/error.js";
import { copyError, isRetryable } from "../../src/errors/error.js";
import { ERRORS } from "../../src/errors/error-table.js";
import {
  GkeWorkloadIdentityError,
  type GkeWorkloadIdentityErrorCode,
  isGkeWorkloadIdentityError,
} from "../../src/index.js";

const codes = Object.keys(ERRORS) as GkeWorkloadIdentityErrorCode[];
const hintOf = (code: GkeWorkloadIdentityErrorCode, details: ErrorDetails): string => createError(code, details).hint;

describe("GkeWorkloadIdentityError", () => {
  it.each(codes)("%s has a message, and says whether to try again, when nothing more is known", (code) => {
    const error = createError(code);
    expect(error.message).toMatch(new RegExp(`^[A-Z][^\\n]*[^.] \\[${code}\\]$`));
    expect(`${error.message}${error.hint}`).not.toMatch(/undefined|\[object/);
    const passes = /^METADATA|FILE_(?:MISSING|EXPIRED)$|^STS_(?:IDP_UNREACHABLE|THROTTLED|UNREACHABLE)$/.test(code);
    expect([error.retryable, isRetryable(error), error.tryNextLink]).toEqual([
      passes,
      passes,
      code === "NOT_ON_GOOGLE_CLOUD",
    ]);
  });

  it("carries its own name in the class, the stack and what console.error shows", () => {
    const error = createError("MISSING_ROLE_ARN");
    expect(error).toBeInstanceOf(Error);
    expect([error.name, error.constructor.name]).toEqual(["GkeWorkloadIdentityError", "GkeWorkloadIdentityError"]);
    expect(error.stack).toMatch(/^GkeWorkloadIdentityError: No AWS role/);
    expect(inspect(error)).toMatch(/^GkeWorkloadIdentityError: No AWS role/);
    // What loggers and console.error print beside the message.
    expect(Object.keys(error)).toEqual(["code", "hint"]);
  });

  it("lets a chain go on when the details say so", () => {
    const error = createError("METADATA_TIMEOUT", { tryNextLink: true });
    expect([error.tryNextLink, error.retryable]).toEqual([true, true]);
    expect(createError("NOT_ON_GOOGLE_CLOUD", { tryNextLink: false }).tryNextLink).toBe(false);
  });

  it("shows the commands of its hint in lines that can be copied, then its fields", () => {
    const error = createError("STS_REGION_DISABLED", { region: "me-south-1" }, { cause: new Error("refused") });
    const lines = inspect(Object.assign(error, { requestId: "r" })).split("\n");
    expect(lines).toContain("   aws account enable-region --region-name me-south-1");
    expect(lines.join(" ")).toMatch(
      /\{\s+code: 'STS_REGION_DISABLED',\s+requestId: 'r',\s+cause: \[Error: refused\]\s+\}$/,
    );
    expect(inspect({ error })).toContain("\n     aws account enable-region");
  });

  it("keeps a small copy of the original failure as its cause, outside of what JSON shows", () => {
    const socket = { remoteAddress: "10.0.0.1" };
    const original = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED", status: 502, socket });
    const error = createError("METADATA_UNAVAILABLE", {}, { cause: original });
    expect(error.cause).toMatchObject({ name: "Error", message: "connect ECONNREFUSED", code: "ECONNREFUSED" });
    expect(error.cause).toMatchObject({ status: 502 });
    expect(inspect(error)).toContain("connect ECONNREFUSED");
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain("10.0.0.1");
    expect(Object.keys(error)).not.toContain("cause");
    expect("cause" in createError("MISSING_ROLE_ARN")).toBe(false);
  });

  it("is known by its brand, and a subclass by its own", () => {
    class Narrower extends GkeWorkloadIdentityError {}
    const error = createError("MISSING_ROLE_ARN");
    expect(new Narrower(error.code, error)).toBeInstanceOf(GkeWorkloadIdentityError);
    expect(new Narrower(error.code, error)).toBeInstanceOf(Narrower);
    expect(error).not.toBeInstanceOf(Narrower);
    for (const other of [undefined, null, "text", {}, new Error("x")]) {
      expect(other instanceof GkeWorkloadIdentityError).toBe(false);
      expect(isGkeWorkloadIdentityError(other)).toBe(false);
      expect(isRetryable(other)).toBe(false);
    }
  });

  it("is known by a brand that every copy of this package shares", () => {
    const brand = Symbol.for("gke-aws-credentials.GkeWorkloadIdentityError");
    const ofAnotherCopy = Object.defineProperty(new Error("x"), brand, { value: true });
    expect(ofAnotherCopy).toBeInstanceOf(GkeWorkloadIdentityError);
    expect(isGkeWorkloadIdentityError(ofAnotherCopy)).toBe(true);
    expect(Reflect.get(createError("MISSING_ROLE_ARN"), brand)).toBe(true);
  });

  it("lets its cause be replaced, or taken away, by whoever passes it on", () => {
    const error = createError("STS_THROTTLED", {}, { cause: new Error("x") });
    error.cause = "y";
    expect(error.cause).toBe("y");
    delete error.cause;
    expect("cause" in error).toBe(false);
  });

  it("is copied with its stack and cause for each caller, who may write on it", () => {
    const error = createError("STS_THROTTLED", { retryable: false }, { cause: new Error("x") });
    const copy = copyError(error);
    expect(copy).not.toBe(error);
    expect(inspect(copy, { showHidden: true })).toBe(inspect(error, { showHidden: true }));
    expect(copyError("other")).toBe("other");
  });
});

describe("the message of an error", () => {
  it("is cut at 300 characters, and earlier where the cause says the rest", () => {
    const details = { reason: "x".repeat(1_000) };
    const { message } = createError("INVALID_CONFIGURATION", details);
    expect([message.length, message.endsWith("x… [INVALID_CONFIGURATION]")]).toEqual([300, true]);
    const cause = new Error("y");
    expect(createError("STS_UNREACHABLE", details, { cause }).message.length).toBeLessThan(180);
  });
});

const ROLE_ARN = "arn:aws:iam::123456789012:role/team/reader";

describe("the hint for a denied role", () => {
  it("asks whether the role exists, names the three values, and prints a policy last", () => {
    const claims = { azp: "111", aud: "gcp", sub: "222", email: "reader@p.iam.gserviceaccount.com" };
    expect(hintOf("STS_ACCESS_DENIED", { claims, roleArn: ROLE_ARN })).toBe(
      [
        "1. See whether the role exists in account 123456789012, and its trust policy:",
        "   aws iam get-role --role-name reader --query Role.AssumeRolePolicyDocument",
        "2. Under StringEquals the policy must have all of these: accounts.google.com:aud = 111, accounts.google.com:oaud = gcp, accounts.google.com:sub = 222.",
        "3. A Google service account that was deleted and made again has a new unique id. This token's is 111.",
        "4. A policy of the AWS organisation (SCP, RCP) may deny the call.",
        "5. Print the policy for this token, and merge its statement into the role's policy:",
        "   npx gke-aws-credentials trust-policy --audience gcp --service-account-unique-id 111",
      ].join("\n"),
    );
  });

  it("has placeholders in place of claims that a token lacks", () => {
    const hint = hintOf("STS_ACCESS_DENIED", { claims: { aud: ["a", "b"] } });
    expect(hint).toContain(":aud = UNIQUE_ID, accounts.google.com:oaud = a, accounts.google.com:sub = UNIQUE_ID");
  });

  it("names the host that was called when a setting or a variable leads there", () => {
    const host = { host: "sts-fips.us-east-1.amazonaws.com", hostSetBy: "The FIPS setting" };
    expect(createError("STS_ACCESS_DENIED", host).message).toMatch(/^STS at sts-fips.us-east-1.amazonaws.com refused/);
    expect(hintOf("STS_UNREACHABLE", host)).toContain(`sends calls of STS to ${host.host}`);
    const store = { host: "minio:9000", hostSetBy: "AWS_ENDPOINT_URL" };
    expect(hintOf("STS_UNREACHABLE", store)).toMatch(
      /AWS_ENDPOINT_URL is for all AWS services, so STS is called at minio:9000.*set AWS_ENDPOINT_URL_S3/,
    );
  });
});

describe("the hint of other errors", () => {
  it("says that Cloud Build is not supported when its server knows no ID tokens", () => {
    const error = createError("NO_GOOGLE_SERVICE_ACCOUNT", {
      platform: "compute-engine",
      reason: "404 page not found",
    });
    expect(error.message).toMatch(/^The metadata server of this platform gives no ID tokens: 404 page not found/);
    expect(error.hint).toMatch(/^Cloud Build has no ID tokens\. It is not supported\./);
    expect(hintOf("NO_GOOGLE_SERVICE_ACCOUNT", { platform: "kubernetes", reason: "404 page not found" })).not.toContain(
      "Cloud Build",
    );
  });

  it("names a pod that is ending, a service account made again and the control plane when a file is not renewed", () => {
    const hint = hintOf("WEB_IDENTITY_TOKEN_FILE_EXPIRED", { platform: "kubernetes", tokenFile: "/run/token" });
    expect(hint).toMatch(
      /pod that is ending, .*control plane was away, or the service account was made again, restart the pod/,
    );
  });

  it("asks for the audience of this process, not for that of a wrong token", () => {
    const details = { audience: "mine", claims: { aud: "wrong" }, tokenFile: "/run/token" };
    expect(hintOf("WEB_IDENTITY_TOKEN_FILE_INVALID", details)).toMatch(/audience mine[\s\S]*audience: mine/);
    expect(hintOf("WEB_IDENTITY_TOKEN_FILE_INVALID", details)).not.toContain("wrong");
  });

  it("names the region when its host is not found, and the proxy first when a certificate is not trusted", () => {
    const regional = { region: "eu-wset-1", host: "sts.eu-wset-1.amazonaws.com" };
    expect(hintOf("STS_UNREACHABLE", { ...regional, reason: "getaddrinfo ENOTFOUND" })).toMatch(
      /^1\. Check the name of the region, eu-wset-1, and the DNS\./,
    );
    const untrusted = { ...regional, reason: "self-signed certificate in certificate chain" };
    expect(hintOf("STS_UNREACHABLE", untrusted)).toMatch(/^1\. Behind a proxy, .* NODE_EXTRA_CA_CERTS\./);
  });

  it("leaves out a step that does not fit, and counts on", () => {
    const name = "x".repeat(250);
    const claims = { iss: `https://${name}`, sub: `system:serviceaccount:${name}:${name}`, aud: name };
    const hint = hintOf("STS_ACCESS_DENIED", { claims });
    expect(hint).toMatch(
      /^1\. See whether the role exists[\s\S]*\n2\. Under StringEquals[\s\S]*\n3\. A policy of[^\n]*$/,
    );
  });

  it("speaks of the idTokenProvider alone when there is one", () => {
    for (const code of ["METADATA_TIMEOUT", "NO_GOOGLE_SERVICE_ACCOUNT", "GOOGLE_PERMISSION_DENIED"] as const) {
      const hint = hintOf(code, { tokenSource: "The idTokenProvider" });
      expect(hint).toContain("idTokenProvider");
      expect(hint).not.toMatch(/kubectl|metadata server/);
    }
  });

  const OFF_KUBERNETES = [
    "cloud-run",
    "cloud-run-job",
    "cloud-run-worker-pool",
    "app-engine",
    "compute-engine",
  ] as const;

  it.each(codes)("%s has kubectl and GKE in its hint only when the process may be in Kubernetes", (code) => {
    for (const platform of OFF_KUBERNETES) {
      const details = {
        platform,
        tokenFile: "/run/token",
        claims: { email: "1-compute@developer.gserviceaccount.com" },
      };
      expect(hintOf(code, details)).not.toMatch(
        /kubectl|GKE|node pool|NetworkPolicy|\bpod\b|mesh|workloadIdentityUser/,
      );
    }
  });

  it.each([
    ["K_SERVICE", "gcloud run services update SERVICE"],
    ["CLOUD_RUN_JOB", "gcloud run jobs update JOB"],
    ["CLOUD_RUN_WORKER_POOL", "gcloud run worker-pools update WORKER_POOL"],
  ])("has the command for what sets %s, unless it is in Kubernetes", (variable, command) => {
    vi.stubEnv(variable, "orders");
    expect(hintOf("MISSING_ROLE_ARN", {})).toContain(`${command} --update-env-vars AWS_ROLE_ARN=`);
    expect(hintOf("NO_GOOGLE_SERVICE_ACCOUNT", {})).toContain(`${command} --service-account`);
    vi.stubEnv("KUBERNETES_SERVICE_HOST", "10.0.0.1");
    expect(hintOf("MISSING_ROLE_ARN", {})).toContain("kubectl set env");
  });

  it.each([
    ["app-engine", "gcloud app deploy --service-account", "export AWS_ROLE_ARN="],
    ["compute-engine", "gcloud compute instances set-service-account", "export AWS_ROLE_ARN="],
  ] as readonly (readonly [Platform, string, string])[])("has the commands of %s", (platform, link, set) => {
    expect(hintOf("NO_GOOGLE_SERVICE_ACCOUNT", { platform })).toContain(link);
    expect(hintOf("MISSING_ROLE_ARN", { platform })).toContain(set);
  });
});

describe("loadPackage", () => {
  it("gives what the package exports, also when that is on `default` alone", async () => {
    expect(await loadPackage("p", Promise.resolve({ name: "p" }))).toEqual({ name: "p" });
    expect(await loadPackage("p", Promise.resolve({ default: { name: "p" } }))).toEqual({ name: "p" });
  });

  it("rejects with INVALID_CONFIGURATION, the package's name and how to look for it, when it is not installed", async () => {
    const missing = import(`no-such-package-${"anywhere"}`) as Promise<object>;
    await expect(loadPackage("no-such-package", missing)).rejects.toMatchObject({
      code: "INVALID_CONFIGURATION",
      message: expect.stringMatching(/^The package no-such-package could not be loaded: .*no-such-package-anywhere/),
      hint: expect.stringContaining("npm ls no-such-package"),
    });
  });
});
