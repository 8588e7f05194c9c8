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
  it.each([
    [400, "INVALID_CONFIGURATION", "The metadata server refused the request: no audience"],
    [401, "GOOGLE_PERMISSION_DENIED", "no audience"],
    [403, "GOOGLE_PERMISSION_DENIED", "no audience"],
    [404, "NO_GOOGLE_SERVICE_ACCOUNT", "no audience"],
    [408, "METADATA_UNAVAILABLE", "no audience"],
    [500, "METADATA_UNAVAILABLE", "no audience"],
  ] as const)("makes of status %i the error %s", async (status, code, text) => {
    expect(await classify(answered(status, "no audience"))).toMatchObject({
      code,
      tryNextLink: false,
      cause: { status, message: "no audience" },
      message: expect.stringContaining(text),
    });
  });

  it("makes METADATA_TIMEOUT of a time-out, METADATA_UNAVAILABLE of any other failure", async () => {
    const timeout = network("ETIMEDOUT");
    expect((await classify(timeout)).code).toBe("METADATA_TIMEOUT");
    const others = [network("ECONNREFUSED"), new Error("x"), foreign(403), Object.assign(answered(504, "x"), timeout)];
    for (const error of others) expect((await classify(error)).code).toBe("METADATA_UNAVAILABLE");
  });

  it("leaves an error of this package as it is, and lets a chain go on when the caller says so", async () => {
    const error = createError("INVALID_ID_TOKEN");
    expect(await classify(error)).toBe(error);
    expect((await toTokenError(network("EIO"), { ms: 0, tryNextLink: true })).tryNextLink).toBe(true);
  });

  it("uses the names that the metadata server, the answer and the options give", async () => {
    await using metadata = await startGoogleMetadataServer();
    vi.stubEnv("GCE_METADATA_HOST", metadata.host);
    const text = "Your Kubernetes service account (shop-1/orders.api-2) is not annotated";
    const { hint, message } = await classify(answered(404, text));
    expect(message).toContain("shop-1/orders.api-2");
    expect(hint).toContain("gcloud iam service-accounts describe reader@example-project.iam.gserviceaccount.com");
    expect((await classify(answered(403, "no"))).hint).toContain(
      "serviceAccount:example-project.svc.id.goog[NAMESPACE/KSA_NAME]",
    );
    const serviceAccountEmail = "writer@example-project.iam.gserviceaccount.com";
    expect((await classify(answered(403, "no"), { serviceAccountEmail })).hint).toContain(
      `add-iam-policy-binding ${serviceAccountEmail} `,
    );
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

  it("tries no more when the idTokenProvider misses a file", () => {
    expect(isTransientTokenFailure(Object.assign(new Error("no key file"), { code: "ENOENT" }))).toBe(false);
  });

  it("names the flag that Jest needs when a module could not be loaded", async () => {
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

  it("never shows a token", async () => {
    const token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl";
    const error = await classify(answered(500, `this is bad: ${token}`));
    expect(`${error.message}${String(error.cause)}`).not.toContain("eyJ");
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

  it.each([
    ["K_SERVICE", "services update SERVICE"],
    ["CLOUD_RUN_JOB", "jobs update JOB"],
    ["CLOUD_RUN_WORKER_POOL", "worker-pools update WORKER_POOL"],
  ] as const)("has the command of Cloud Run when %s is set", async (name, update) => {
    vi.stubEnv(name, "orders");
    for (const failure of FAILURES) expect((await classify(failure, { ms: 100 })).hint).not.toMatch(POD);
    expect((await classify(answered(404, "no"))).hint).toContain(`gcloud run ${update} --service-account`);
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
  it.each([408, 425, 429, 499, 500, 503, 504])("says yes to status %i", (status) => {
    expect(isTransientTokenFailure(answered(status, "x"))).toBe(true);
  });

  it.each([400, 401, 403, 404, 418])("says no to status %i", (status) => {
    expect(isTransientTokenFailure(answered(status, "x"))).toBe(false);
  });

  it.each([
    "ECONNREFUSED",
    "ECONNRESET",
    "ETIMEDOUT",
    "ERR_STREAM_PREMATURE_CLOSE",
    "EMFILE",
    "ENOMEM",
    "EIO",
    "ERR_SSL_WRONG_VERSION_NUMBER",
    "HPE_INVALID_CONSTANT",
  ])("says yes to %s", (code) => {
    expect(isTransientTokenFailure(network(code))).toBe(true);
  });

  it("says no to a bug, and to an error of this package", () => {
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
