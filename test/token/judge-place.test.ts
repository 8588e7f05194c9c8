import { describe, expect, it } from "vitest";
import { judgePlace, type PlaceHints } from "../../src/token/google-cloud.js";

const NOTHING: PlaceHints = {
  hasMetadataHost: false,
  isKubernetes: false,
  isServerless: false,
  isGoogleMachine: false,
};
const GKE = "https://container.googleapis.com/v1/projects/p/locations/europe-west1/clusters/c";
const EKS = "https://oidc.eks.eu-west-1.amazonaws.com/id/0123456789ABCDEF";
const KIND = "https://kubernetes.default.svc.cluster.local";

const judge = (hints: Partial<PlaceHints>) => judgePlace({ ...NOTHING, ...hints });
const inPod = (iss: string | undefined, hints: Partial<PlaceHints> = {}) =>
  judge({ isKubernetes: true, kubernetesToken: { iss }, ...hints });

describe("judgePlace", () => {
  it("needs no detection when a variable names the server, whatever else is set", () => {
    expect(inPod(EKS, { hasMetadataHost: true, detection: "none" }).kind).toBe("given");
    expect(judge({ hasMetadataHost: true, detection: "nonsense" }).kind).toBe("given");
  });

  it.each([
    ["assume-present", {}, "given"],
    [" Assume-Present\n", {}, "given"],
    ["none", {}, "elsewhere"],
    ["NONE", { isServerless: true, isGoogleMachine: true }, "elsewhere"],
    ["bios-only", {}, "elsewhere"],
    ["bios-only", { isGoogleMachine: true }, "given"],
    ["bios-only", { isServerless: true }, "given"],
    ["ping-only", {}, "unknown"],
    ["ping-only", { isGoogleMachine: true }, "unknown"],
  ] as const)("follows METADATA_SERVER_DETECTION when it is %j with %j", (detection, hints, kind) => {
    expect(judge({ ...hints, detection }).kind).toBe(kind);
    // Before the pod's token: it is the second in the order.
    expect(inPod(GKE, { ...hints, detection }).kind).toBe(kind);
    expect(inPod(EKS, { ...hints, detection }).kind).toBe(kind);
  });

  it.each(["yes", "ping", "constructor", "toString", "__proto__", " "])(
    "refuses METADATA_SERVER_DETECTION when it is %j",
    (detection) => {
      expect(judge({ detection })).toEqual({
        kind: "invalid",
        reason: `METADATA_SERVER_DETECTION is ${JSON.stringify(detection)}, but must be assume-present, none, bios-only, ping-only or not set.`,
      });
    },
  );

  it("is sure of GKE when the pod's token says so", () => {
    expect(inPod(GKE).kind).toBe("gke");
    expect(inPod(GKE, { isGoogleMachine: true, isServerless: true }).kind).toBe("gke");
  });

  it.each([
    [EKS, "EKS"],
    ["https://oidc.eks.cn-north-1.amazonaws.com.cn/id/0123", "EKS"],
    ["https://oidc-eks.us-east-1.api.aws/id/0123", "EKS"],
    ["https://eastus.oic.prod-aks.azure.com/tenant/id/", "AKS"],
    ["https://chinaeast2.oic.prod-aks.azure.cn/tenant/id/", "AKS"],
    ["https://usgovvirginia.oic.prod-aks.azure.us/tenant/id/", "AKS"],
  ])("says that this is not Google Cloud when the pod's token is of %s", (iss, cloud) => {
    const place = inPod(iss, { isGoogleMachine: true, isServerless: true });
    expect(place).toEqual({
      kind: "elsewhere",
      reason: `the pod's Kubernetes token is of ${cloud}: ${new URL(iss).hostname}.`,
    });
  });

  it.each([
    KIND,
    "https://kubernetes.default.svc",
    "https://container.googleapis.com.example.com/v1",
    "http://container.googleapis.com/v1",
    "https://example.com/container.googleapis.com",
    "https://oidc.eks.eu-west-1.amazonaws.com.example.com/id/1",
    "kubernetes/serviceaccount",
    "",
    undefined,
  ])("goes on to the next hints when the pod's token is of %s", (iss) => {
    expect(inPod(iss).kind).toBe("unknown");
    expect(inPod(iss, { isServerless: true }).kind).toBe("likely");
    expect(inPod(iss, { isGoogleMachine: true }).kind).toBe("likely");
  });

  it("takes Google for likely when the token of a pod cannot be read", () => {
    expect(judge({ isKubernetes: true }).kind).toBe("likely");
  });

  it("takes Google for likely on Cloud Run, in Cloud Functions and on a Google machine", () => {
    expect(judge({ isServerless: true }).kind).toBe("likely");
    expect(judge({ isGoogleMachine: true }).kind).toBe("likely");
  });

  it("leaves it to the address when nothing speaks for Google", () => {
    expect(judge({}).kind).toBe("unknown");
    expect(judge({ detection: "" }).kind).toBe("unknown");
  });
});
