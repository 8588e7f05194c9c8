import { runInNewContext } from "node:vm";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { createError } from "../../src/errors/create-error.js";
import { fakeIdTokenProvider, startGoogleMetadataServer } from "../../src/testing/index.js";
import { ForeignAnswerError } from "../../src/token/metadata.js";
import { isTransientTokenFailure, toTokenError } from "../../src/token/token-failure.js";
import { startMetadataAnswering } from "../support/answering-server.js";

const classify = (error: unknown, init: { serviceAccountEmail?: string; injected?: true; ms?: number } = {}) =>
  toTokenError(error, {
    serviceAccountEmail: init.serviceAccountEmail ?? "default",
    ms: init.ms ?? 5_000,
    ...(init.injected && { idTokenProvider: fakeIdTokenProvider() }),
  });

/** An error as gaxios makes it of an HTTP answer. */
const answered = (status: number, text: string) => Object.assign(new Error(text), { response: { status } });
const network = (code: string) => Object.assign(new Error(`connect ${code}`), { code });
const foreign = (status?: number) => Object.assign(new ForeignAnswerError("x answered"), { status });

beforeEach(() => vi.stubEnv("GCE_METADATA_HOST", "127.0.0.1:1"));

describe("toTokenError", () => {
  it("makes METADATA_TIMEOUT of a time-out, METADATA_UNAVAILABLE of any other failure", async () => {
    const timeout = network("ETIMEDOUT");
    const named = (name: string) => Object.assign(new Error(name), { name });
    const wrapped = new Error("x", { cause: named("TimeoutError") });
    for (const error of [timeout, named("AbortError"), { type: "aborted" }, wrapped])
      expect((await classify(error)).code).toBe("METADATA_TIMEOUT");
    const others = [network("ECONNREFUSED"), new Error("x"), foreign(403), Object.assign(answered(504, "x"), timeout)];
    for (const error of others) expect((await classify(error)).code).toBe("METADATA_UNAVAILABLE");
  });

  it("leaves an error of this package as it is, and lets a chain go on when the caller says so", async () => {
    const error = createError("INVALID_ID_TOKEN");
    expect(await classify(error)).toBe(error);
    expect((await toTokenError(network("EIO"), { ms: 0, tryNextLink: true })).tryNextLink).toBe(true);
  });

  it("does without the names when they do not come in time", async () => {
    await using metadata = await startGoogleMetadataServer();
    metadata.injectFault({ kind: "hang" });
    vi.stubEnv("GCE_METADATA_HOST", metadata.host);
    const start = performance.now();
    expect((await classify(answered(404, "no"), { ms: 100 })).hint).toContain("GSA_NAME@PROJECT_ID");
    expect(performance.now() - start).toBeLessThan(900);
  });

  it("blames the idTokenProvider, and no metadata server, when one was asked", async () => {
    const injected = true;
    expect((await classify(answered(400, "no audience"), { injected })).message).toContain(
      "The idTokenProvider refused the request: no audience",
    );
    for (const error of [network("ECONNREFUSED"), answered(403, "no")])
      expect((await classify(error, { injected })).hint).not.toContain("GCE_METADATA");
  });

  it("names the flag that Jest needs when a module could not be loaded", async () => {
    const missing = await import(`no-such-package-${"anywhere"}`).catch((error: unknown) => error);
    const wrapped = new Error("request failed", { cause: missing });
    for (const error of [missing, wrapped]) expect((await classify(error)).code).toBe("INVALID_CONFIGURATION");
    const refused = await runInNewContext('import("node-fetch")').catch((error: unknown) => error);
    expect(isTransientTokenFailure(refused)).toBe(false);
    expect(await classify(refused)).toMatchObject({
      code: "INVALID_CONFIGURATION",
      message: expect.stringContaining("could not be loaded: A dynamic import"),
      hint: expect.stringContaining("NODE_OPTIONS=--experimental-vm-modules"),
      tryNextLink: false,
    });
  });

  it.each(["GCE_METADATA_HOST", "GCE_METADATA_IP"])("names %s in the hint when it is set", async (name) => {
    vi.stubEnv("GCE_METADATA_HOST", undefined);
    expect((await classify(network("ECONNREFUSED"))).hint).not.toContain("names that server");
    vi.stubEnv(name, "127.0.0.1:1");
    for (const error of [foreign(), network("ECONNREFUSED"), network("ETIMEDOUT")])
      expect((await classify(error)).hint).toContain(`The variable ${name} names that server.`);
  });
});

describe("the hint of toTokenError", () => {
  const FAILURES = [answered(403, "no"), answered(404, "no"), network("ECONNREFUSED"), network("ETIMEDOUT")];
  const POD = /kubectl|GKE|node pool|NetworkPolicy|pod|workloadIdentityUser/;

  it("has no command for Kubernetes on a virtual machine", async () => {
    await using machine = await startMetadataAnswering({
      "project-id": "shop-1",
      email: "1-compute@developer.gserviceaccount.com",
    });
    vi.stubEnv("GCE_METADATA_HOST", machine.host);
    for (const failure of FAILURES) expect((await classify(failure)).hint).not.toMatch(POD);
    expect((await classify(answered(404, "no"))).hint).toContain("gcloud compute instances set-service-account");
  });

  it("is for Kubernetes in a pod, also of Knative, and names the mesh where nothing answers", async () => {
    vi.stubEnv("KUBERNETES_SERVICE_HOST", "10.0.0.1");
    vi.stubEnv("K_SERVICE", "orders");
    for (const failure of FAILURES) expect((await classify(failure)).hint).toMatch(POD);
    for (const failure of [foreign(503), network("ECONNREFUSED"), network("ETIMEDOUT")])
      expect((await classify(failure)).hint).toContain("service mesh (Istio, Linkerd)");
  });

  it("is for Kubernetes when the metadata server names a cluster", async () => {
    await using node = await startMetadataAnswering({ "cluster-name": "shop" });
    vi.stubEnv("GCE_METADATA_HOST", node.host);
    expect((await classify(answered(404, "no"))).hint).toContain("kubectl annotate serviceaccount KSA_NAME ");
  });
});

describe("isTransientTokenFailure", () => {
  it("says no to a bug, to a missing file, and to an error of this package", () => {
    expect(isTransientTokenFailure(network("ENOENT"))).toBe(false);
    expect(isTransientTokenFailure(new TypeError("x is not a function"))).toBe(false);
    const lost = createError("METADATA_UNAVAILABLE", {}, { cause: network("ECONNREFUSED") });
    expect(isTransientTokenFailure(lost)).toBe(false);
  });

  it("says yes to any answer of another server, but only to its 5xx when a variable names that server", () => {
    expect([foreign(503), foreign(404), foreign()].map(isTransientTokenFailure)).toEqual([true, false, false]);
    vi.stubEnv("GCE_METADATA_HOST", undefined);
    expect([foreign(503), foreign(404), foreign()].map(isTransientTokenFailure)).toEqual([true, true, true]);
  });
});
