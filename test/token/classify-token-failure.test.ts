import { runInNewContext } from "node:vm";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { createError } from "../../src/errors/create-error.js";
import { fakeIdTokenProvider, startGoogleMetadataServer } from "../../src/testing/index.js";
import { ForeignAnswerError, MetadataStatusError } from "../../src/token/metadata.js";
import { toTokenError as classifyTokenFailure, isTransientTokenFailure } from "../../src/token/token-failure.js";
import { startMetadataAnswering } from "../support/answering-server.js";

const classify = (error: unknown, init: { serviceAccountEmail?: string; injected?: true; ms?: number } = {}) =>
  classifyTokenFailure(error, {
    serviceAccountEmail: init.serviceAccountEmail ?? "default",
    ms: init.ms ?? 5_000,
    ...(init.injected && { idTokenProvider: fakeIdTokenProvider() }),
  });

/** An error as gaxios makes it of an HTTP answer. */
const answered = (status: number, text: string) => Object.assign(new Error(text), { response: { status } });
const network = (code: string) => Object.assign(new Error(`connect ${code}`), { code });

beforeEach(() => vi.stubEnv("GCE_METADATA_HOST", "127.0.0.1:1"));

describe("a failure of an idTokenProvider", () => {
  it("names the provider, and no variable that leads to a metadata server", async () => {
    expect((await classify(answered(400, "no audience"), { injected: true })).message).toContain(
      "The idTokenProvider refused the request: no audience",
    );
    const [own, injected] = [
      await classify(network("ECONNREFUSED")),
      await classify(network("ECONNREFUSED"), { injected: true }),
    ];
    expect(own.hint).toContain("GCE_METADATA_HOST");
    expect(injected.hint).not.toMatch(/GCE_METADATA/);
  });
});

describe("an answer of the metadata server", () => {
  it.each([
    [400, "INVALID_CONFIGURATION", "The metadata server refused the request: no audience"],
    [401, "GOOGLE_PERMISSION_DENIED", "no audience"],
    [403, "GOOGLE_PERMISSION_DENIED", "no audience"],
    [404, "NO_GOOGLE_SERVICE_ACCOUNT", "no audience"],
    [408, "METADATA_UNAVAILABLE", "no audience"],
    [500, "METADATA_UNAVAILABLE", "no audience"],
  ] as const)("with status %i is %s", async (status, code, text) => {
    const cause = answered(status, "no audience");
    expect(await classify(cause)).toMatchObject({
      code,
      cause: { status, text: "no audience" },
      message: expect.stringContaining(text),
    });
  });

  it("is told with the real names of the workload, its own text last", async () => {
    await using metadata = await startGoogleMetadataServer();
    vi.stubEnv("GCE_METADATA_HOST", metadata.host);
    const text = "Your Kubernetes service account (shop-1/orders.api-2) is not annotated";
    const { hint } = await classify(answered(404, text));
    expect(hint).toContain("kubectl annotate serviceaccount orders.api-2 --namespace shop-1 ");
    expect(hint).toContain("=reader@example-project.iam.gserviceaccount.com");
    expect((await classify(answered(403, "no"))).hint).toContain(
      "serviceAccount:example-project.svc.id.goog[NAMESPACE/KSA_NAME]",
    );
    const asked = await classify(answered(403, "no"), {
      serviceAccountEmail: "writer@example-project.iam.gserviceaccount.com",
    });
    expect(asked.hint).toContain("add-iam-policy-binding writer@example-project.iam.gserviceaccount.com ");
  });

  it("is told without the names when they do not come in time", async () => {
    await using metadata = await startGoogleMetadataServer();
    metadata.injectFault({ kind: "hang" });
    vi.stubEnv("GCE_METADATA_HOST", metadata.host);
    const start = performance.now();
    expect((await classify(answered(404, "no"), { ms: 100 })).hint).toContain("GSA_NAME@PROJECT_ID");
    expect(performance.now() - start).toBeLessThan(900);
  });
});

describe("a module that could not be loaded", () => {
  it.each([
    [{}, "google-auth-library"],
    [{ injected: true }, "the idTokenProvider"],
  ] as const)("is INVALID_CONFIGURATION with the flag that Jest needs when %j", async (init, who) => {
    const refused = await runInNewContext('import("node-fetch")').catch((error: unknown) => error);
    const failure = await classify(refused, init);
    expect(isTransientTokenFailure(refused)).toBe(false);
    expect(failure).toMatchObject({
      code: "INVALID_CONFIGURATION",
      message: expect.stringContaining(`A module that ${who} needs could not be loaded: A dynamic import`),
      hint: expect.stringContaining("NODE_OPTIONS=--experimental-vm-modules"),
      tryNextLink: false,
    });
  });
});

describe("a hint", () => {
  const FAILURES = [answered(403, "no"), answered(404, "no"), network("ECONNREFUSED"), network("ETIMEDOUT")];
  const SERVERLESS = [
    ["K_SERVICE", "services update SERVICE"],
    ["CLOUD_RUN_JOB", "jobs update JOB"],
    ["CLOUD_RUN_WORKER_POOL", "worker-pools update WORKER_POOL"],
    ["FUNCTION_NAME", "services update SERVICE"],
  ] as const;
  const POD = /kubectl|GKE|node pool|NetworkPolicy|pod|workloadIdentityUser/;

  it("gives no advice for Kubernetes when nothing says that this is Kubernetes", async () => {
    await using machine = await startMetadataAnswering({
      "project-id": "shop-1",
      email: "1-compute@developer.gserviceaccount.com",
    });
    vi.stubEnv("GCE_METADATA_HOST", machine.host);
    for (const failure of FAILURES) expect((await classify(failure)).hint).not.toMatch(POD);
    expect((await classify(answered(404, "no"))).hint).toContain("gcloud compute instances set-service-account");
  });

  it.each(SERVERLESS)("is for Cloud Run when %s is set", async (name, update) => {
    vi.stubEnv(name, "orders");
    for (const failure of FAILURES) expect((await classify(failure, { ms: 100 })).hint).not.toMatch(POD);
    expect((await classify(answered(404, "no"))).hint).toContain(`gcloud run ${update} --service-account`);
  });

  it("is for Kubernetes in a pod, also of Knative", async () => {
    vi.stubEnv("KUBERNETES_SERVICE_HOST", "10.0.0.1");
    vi.stubEnv("K_SERVICE", "orders");
    for (const failure of FAILURES) expect((await classify(failure)).hint).toMatch(POD);
  });

  it("is for Kubernetes when the metadata server names a cluster, or the pod's account", async () => {
    await using node = await startMetadataAnswering({ "cluster-name": "shop" });
    vi.stubEnv("GCE_METADATA_HOST", node.host);
    expect((await classify(answered(404, "no"))).hint).toContain("kubectl annotate serviceaccount KSA_NAME ");
    vi.stubEnv("GCE_METADATA_HOST", "127.0.0.1:1");
    const named = answered(404, "Your Kubernetes service account (shop/orders) is not annotated");
    expect((await classify(named)).hint).toContain("kubectl annotate serviceaccount orders --namespace shop ");
  });
});

describe("something else that answers in its place", () => {
  const foreign = new ForeignAnswerError("http://169.254.169.254", "HTTP status 401 without the header");

  it("is NOT_ON_GOOGLE_CLOUD when it answers at the well-known address", async () => {
    vi.stubEnv("GCE_METADATA_HOST", undefined);
    expect(await classify(foreign)).toMatchObject({
      code: "NOT_ON_GOOGLE_CLOUD",
      tryNextLink: true,
      message: expect.stringContaining(
        "something else answered in its place at http://169.254.169.254: HTTP status 401",
      ),
    });
  });

  it.each(["GCE_METADATA_HOST", "GCE_METADATA_IP"])("is METADATA_UNAVAILABLE when %s leads there", async (name) => {
    vi.stubEnv("GCE_METADATA_HOST", undefined);
    expect((await classify(network("ECONNREFUSED"))).hint).not.toContain("may lead requests");
    vi.stubEnv(name, "127.0.0.1:1");
    expect(await classify(foreign)).toMatchObject({
      code: "METADATA_UNAVAILABLE",
      tryNextLink: false,
      hint: expect.stringContaining(`${name} may lead requests`),
    });
    expect((await classify(network("ECONNREFUSED"))).hint).toContain(`${name} may lead requests`);
    expect((await classify(network("ETIMEDOUT"))).hint).toContain(`${name} may lead requests`);
  });

  it("is not suspected when an idTokenProvider was asked", async () => {
    const error = await classify(answered(403, "no"), { injected: true });
    expect(error.code).toBe("GOOGLE_PERMISSION_DENIED");
    expect(error.hint).toContain("GSA_NAME@PROJECT_ID");
    expect((await classify(network("ECONNREFUSED"), { injected: true })).hint).not.toContain("may lead requests");
  });
});

describe("no answer", () => {
  it("is METADATA_TIMEOUT after a time-out, else METADATA_UNAVAILABLE", async () => {
    expect((await classify(network("ETIMEDOUT"))).code).toBe("METADATA_TIMEOUT");
    expect((await classify(network("ECONNREFUSED"))).code).toBe("METADATA_UNAVAILABLE");
    expect((await classify(answered(504, "deadline"))).code).toBe("METADATA_UNAVAILABLE");
    const both = Object.assign(answered(504, "deadline"), { code: "ETIMEDOUT" });
    expect((await classify(both)).code).toBe("METADATA_UNAVAILABLE");
  });

  it("lets a credential chain go on when the caller says so", async () => {
    const error = await classifyTokenFailure(network("ECONNREFUSED"), { ms: 0, tryNextLink: true });
    expect(error).toMatchObject({ code: "METADATA_UNAVAILABLE", tryNextLink: true });
  });

  it("is left as it is when it is classified already", async () => {
    const error = createError("INVALID_ID_TOKEN");
    expect(await classify(error)).toBe(error);
  });

  it("never shows a token", async () => {
    const token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl";
    const error = await classify(answered(500, `this is bad: ${token}`));
    expect(`${error.message}${String(error.cause)}`).not.toContain("eyJ");
  });
});

describe("isTransientTokenFailure", () => {
  it.each([408, 425, 429, 499, 500, 503, 504])("says yes to status %i", (status) => {
    expect(isTransientTokenFailure(answered(status, "x"))).toBe(true);
    expect(isTransientTokenFailure(new MetadataStatusError(status, "x", undefined))).toBe(true);
  });

  it.each([400, 401, 403, 404, 418])("says no to status %i", (status) => {
    expect(isTransientTokenFailure(answered(status, "x"))).toBe(false);
    expect(isTransientTokenFailure(new MetadataStatusError(status, "x", undefined))).toBe(false);
  });

  it("says yes to a lost connection and a time-out, no to any other failure", () => {
    expect(isTransientTokenFailure(network("ECONNREFUSED"))).toBe(true);
    expect(isTransientTokenFailure(network("ECONNRESET"))).toBe(true);
    expect(isTransientTokenFailure(network("ETIMEDOUT"))).toBe(true);
    expect(isTransientTokenFailure(network("ERR_STREAM_PREMATURE_CLOSE"))).toBe(true);
    expect(isTransientTokenFailure(new Error("x"))).toBe(false);
    expect(isTransientTokenFailure(new ForeignAnswerError("http://x", "x"))).toBe(false);
    expect(isTransientTokenFailure(createError("METADATA_TIMEOUT"))).toBe(false);
    const lost = createError("METADATA_UNAVAILABLE", {}, { cause: network("ECONNREFUSED") });
    expect(isTransientTokenFailure(lost)).toBe(false);
  });
});
