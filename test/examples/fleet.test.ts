import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as admissionregistration from "kubernetes-models/admissionregistration.k8s.io/v1";
import type { IPod } from "kubernetes-models/v1";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { evaluateCel } from "../support/cel.js";
import {
  type Admission,
  admitPod,
  type Cluster,
  type MutatingAdmissionPolicy,
  type MutatingAdmissionPolicyBinding,
  readAdmission,
  readObjects,
} from "../support/mutating-admission.js";
import { findKustomize, hasProgram } from "../support/programs.js";

const DIRECTORY = "examples/kubernetes";
const IMAGE = /^europe-docker\.pkg\.dev\/[\w/-]+@sha256:[0-9a-f]{64}$/;
const kustomize = findKustomize();
const hasJq = hasProgram("jq", "--version");

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
}

const build = (directory: string): readonly Manifest[] => {
  const [command, ...args] = kustomize!;
  return readObjects(execFileSync(command, [...args, directory], { encoding: "utf8" })) as readonly Manifest[];
};
const withoutLines = (value: unknown) => JSON.stringify(value).replaceAll(/(\\n| )+/g, " ");
const namesOf = (manifests: readonly Manifest[]) => manifests.map(({ kind, metadata }) => `${kind} ${metadata.name}`);

/** The policy of that name, with the binding that names it. */
function admissionOf(manifests: readonly Manifest[], name: string): Admission {
  const policy = manifests.find(({ kind, metadata }) => kind === "MutatingAdmissionPolicy" && metadata.name === name);
  const bindings = manifests.filter(({ kind }) => kind === "MutatingAdmissionPolicyBinding");
  const binding = (bindings as unknown as readonly MutatingAdmissionPolicyBinding[]).find(
    ({ spec }) => spec.policyName === name,
  );
  return { policy: policy as unknown as MutatingAdmissionPolicy, binding: binding! };
}

const ROLE = "arn:aws:iam::123456789012:role/orders";
const pod: IPod = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "orders", namespace: "shop" },
  spec: { serviceAccountName: "orders", containers: [{ name: "app", image: "app:1" }] },
};
const inNamespace = (label?: string, prefix = "amazonaws.com/"): Cluster => ({
  ...(label === undefined ? {} : { namespaceLabels: { "gke-aws-credentials/inject": label } }),
  serviceAccounts: [{ metadata: { name: "orders", annotations: { [`${prefix}role-arn`]: ROLE } } }],
});
/** The labels of a namespace, of those here, whose pods the policy changes. */
const served = (admission: Admission, prefix?: string) =>
  ["true", "canary", "false", undefined].filter(
    (label) => admitPod(admission, pod, inNamespace(label, prefix)).metadata?.labels !== undefined,
  );

describe.skipIf(!kustomize)("kustomize builds", () => {
  const [base, production, canary] = ["injection", "injection-production", "injection-canary"].map((name) =>
    kustomize ? build(join(DIRECTORY, name)) : [],
  ) as [readonly Manifest[], readonly Manifest[], readonly Manifest[]];
  const sidecarOf = (manifests: readonly Manifest[], name = "gke-aws-credentials-sidecar") =>
    admitPod(admissionOf(manifests, name), pod, inNamespace(name.endsWith("canary") ? "canary" : "true")).spec!
      .initContainers?.[0];

  it("documents that meet Kubernetes' own schema and have no placeholder", () => {
    for (const manifests of [base, production, canary]) {
      expect(manifests.length).toBeGreaterThan(1);
      expect(JSON.stringify(manifests)).not.toMatch(/REGISTRY|DIGEST|not-used/);
      for (const manifest of manifests) {
        const Model = Reflect.get(admissionregistration, manifest.kind) as new (
          data: unknown,
        ) => { validate: () => void };
        expect(() => new Model(manifest).validate()).not.toThrow();
      }
    }
  });

  it("the base as the files are: both policies, of which the sidecar does nothing without an image", () => {
    for (const way of ["sidecar", "projected-token"]) {
      const file = readAdmission(join(DIRECTORY, "injection", `${way}.yaml`), "");
      const built = admissionOf(base, `gke-aws-credentials-${way}`);
      // kustomize folds the lines of an expression in another way.
      expect(JSON.parse(withoutLines(built))).toEqual(JSON.parse(withoutLines(file)));
    }
    expect(served(admissionOf(base, "gke-aws-credentials-sidecar"))).toEqual([]);
    expect(served(admissionOf(base, "gke-aws-credentials-projected-token"))).toEqual(["true", undefined]);
  });

  it("a production overlay with the sidecar alone, its image, and the namespaces that have the label", () => {
    expect(namesOf(production)).toEqual([
      "MutatingAdmissionPolicy gke-aws-credentials-sidecar",
      "MutatingAdmissionPolicyBinding gke-aws-credentials-sidecar",
      "ValidatingAdmissionPolicy gke-aws-credentials-warnings",
      "ValidatingAdmissionPolicyBinding gke-aws-credentials-warnings",
    ]);
    expect(served(admissionOf(production, "gke-aws-credentials-sidecar"))).toEqual(["true"]);
    expect(sidecarOf(production)?.image).toMatch(IMAGE);
  });

  it("a canary overlay that has production's policy under another name, for the canary's namespaces alone", () => {
    expect(namesOf(canary)).toEqual([
      "MutatingAdmissionPolicy gke-aws-credentials-sidecar-canary",
      "MutatingAdmissionPolicyBinding gke-aws-credentials-sidecar-canary",
    ]);
    const admission = admissionOf(canary, "gke-aws-credentials-sidecar-canary");
    expect(served(admission)).toEqual(["canary"]);
    expect(admission.policy.spec).toEqual(admissionOf(production, "gke-aws-credentials-sidecar").policy.spec);
    expect(sidecarOf(canary, "gke-aws-credentials-sidecar-canary")?.image).toMatch(IMAGE);
  });

  describe("an overlay of one's own", () => {
    let copy: string;
    const overlay = () => join(copy, "injection-production", "kustomization.yaml");
    beforeAll(() => {
      copy = mkdtempSync(join(tmpdir(), "overlay-"));
      for (const name of ["injection", "injection-production"])
        cpSync(join(DIRECTORY, name), join(copy, name), { recursive: true });
      // The patches that are shown, but not used.
      const used = readFileSync(overlay(), "utf8").replaceAll(/^ {2}# (?=# |- | {2})/gm, "  ");
      writeFileSync(overlay(), used);
    });
    afterAll(() => rmSync(copy, { recursive: true }));

    it("with the prefix of EKS, other ports, other requests and a proxy, in all places", () => {
      const manifests = build(join(copy, "injection-production"));
      const admission = admissionOf(manifests, "gke-aws-credentials-sidecar");
      expect(served(admission)).toEqual([]);
      expect(served(admission, "eks.amazonaws.com/")).toEqual(["true"]);
      const { initContainers, containers } = admitPod(admission, pod, inNamespace("true", "eks.amazonaws.com/")).spec!;
      expect(initContainers![0]!.args!.join(" ")).toContain("--port 19911 --health-port 19912");
      expect(initContainers![0]!.startupProbe!.httpGet!.port).toBe(19912);
      const more = { cpu: "100m", memory: "128Mi" };
      expect(initContainers![0]!.resources).toEqual({ requests: more, limits: more });
      expect(initContainers![0]!.env).toContainEqual({ name: "HTTPS_PROXY", value: "http://proxy.example:3128" });
      expect(JSON.stringify(containers)).toContain("http://127.0.0.1:19911/");
      expect(JSON.stringify(containers)).not.toContain("HTTPS_PROXY");
      expect(JSON.stringify(manifests)).toContain("'eks.amazonaws.com/'");
      expect(JSON.stringify(manifests)).not.toContain("'amazonaws.com/'");
    });

    it("that leaves more namespaces of the system alone", () => {
      const { namespaceSelector } = admissionOf(
        build(join(copy, "injection-production")),
        "gke-aws-credentials-sidecar",
      ).binding.spec.matchResources;
      expect(namespaceSelector.matchExpressions[0]!.values).toEqual(
        expect.arrayContaining(["kube-system", "gke-managed-cim"]),
      );
    });

    it("whose version is the label of new pods", () => {
      const before = readFileSync(overlay(), "utf8");
      writeFileSync(overlay(), before.replace("'sidecar-1'", "'sidecar-2'"));
      const admission = admissionOf(build(join(copy, "injection-production")), "gke-aws-credentials-sidecar");
      writeFileSync(overlay(), before);
      expect(admitPod(admission, pod, inNamespace("true", "eks.amazonaws.com/")).metadata!.labels).toEqual({
        "gke-aws-credentials/injected": "sidecar-2",
      });
    });

    it("for the projected token, by the one change that its lines name", () => {
      const sidecar = readFileSync(overlay(), "utf8");
      const token = sidecar
        .replace("name: gke-aws-credentials-projected-token", "name: gke-aws-credentials-sidecar")
        .replace(/^ {2}# Both ways[\s\S]*/m, "");
      writeFileSync(overlay(), token);
      const manifests = build(join(copy, "injection-production"));
      writeFileSync(overlay(), sidecar);
      expect(namesOf(manifests)).toContain("MutatingAdmissionPolicy gke-aws-credentials-projected-token");
      expect(JSON.stringify(manifests)).not.toContain("-sidecar");
      const admission = admissionOf(manifests, "gke-aws-credentials-projected-token");
      expect(served(admission, "eks.amazonaws.com/")).toEqual(["true"]);
      expect(admitPod(admission, pod, inNamespace("true", "eks.amazonaws.com/")).metadata!.labels).toEqual({
        "gke-aws-credentials/injected": "projected-token-1",
      });
    });

    it("for both ways, of which the label of the namespace chooses one, in the canary too", () => {
      const sidecar = readFileSync(overlay(), "utf8");
      writeFileSync(overlay(), sidecar.replace(/^ {2}# This patch deletes[\s\S]*?(?=^ {2}# The version)/m, ""));
      cpSync(join(DIRECTORY, "injection-canary"), join(copy, "injection-canary"), { recursive: true });
      const [production, canary] = ["injection-production", "injection-canary"].map((name) => build(join(copy, name)));
      writeFileSync(overlay(), sidecar);
      const servedBy = (manifests: readonly Manifest[], inject: string, way?: string) =>
        ["sidecar", "sidecar-canary", "projected-token", "projected-token-canary"].filter((name) => {
          if (!namesOf(manifests).includes(`MutatingAdmissionPolicy gke-aws-credentials-${name}`)) return false;
          const inside = inNamespace(inject, "eks.amazonaws.com/");
          const namespaceLabels = { ...inside.namespaceLabels, ...(way ? { "gke-aws-credentials/way": way } : {}) };
          const admission = admissionOf(manifests, `gke-aws-credentials-${name}`);
          return admitPod(admission, pod, { ...inside, namespaceLabels }).metadata?.labels !== undefined;
        });
      expect(servedBy(production!, "true")).toEqual(["sidecar"]);
      expect(servedBy(production!, "true", "token")).toEqual(["projected-token"]);
      expect(servedBy(production!, "canary", "token")).toEqual([]);
      expect(servedBy(canary!, "canary")).toEqual(["sidecar-canary"]);
      expect(servedBy(canary!, "canary", "token")).toEqual(["projected-token-canary"]);
      expect(servedBy(canary!, "true", "token")).toEqual([]);
    });

    it("that ends with an error when a line that it changes has moved", () => {
      const base = join(copy, "injection", "sidecar.yaml");
      writeFileSync(base, readFileSync(base, "utf8").replace("- name: image", "- name: picture"));
      expect(() => build(join(copy, "injection-production"))).toThrow(/test/);
    });
  });
});

describe("the warnings for whoever annotates a service account", () => {
  const [policy, binding] = readObjects(
    readFileSync(join(DIRECTORY, "injection", "service-account-warnings.yaml"), "utf8"),
  ) as [
    {
      metadata: { name: string };
      spec: {
        variables: { name: string; expression: string }[];
        validations: { expression: string; messageExpression: string }[];
      };
    },
    { spec: { policyName: string; validationActions: string[] } },
  ];
  const warningsFor = (annotations?: Record<string, string>) => {
    const object = { metadata: annotations ? { name: "orders", annotations } : { name: "orders" } };
    const variables: Record<string, unknown> = {};
    for (const { name, expression } of policy.spec.variables)
      variables[name] = evaluateCel(expression, { object, variables });
    return policy.spec.validations
      .filter(({ expression }) => evaluateCel(expression, { object, variables }) === false)
      .map(({ messageExpression }) => evaluateCel(messageExpression, { object, variables }));
  };

  it("refuse nothing", () => {
    expect(binding.spec).toEqual({ policyName: policy.metadata.name, validationActions: ["Warn", "Audit"] });
  });

  it.each([
    [undefined, []],
    [{ team: "shop" }, []],
    [{ "amazonaws.com/role-arn": ROLE, "amazonaws.com/region": "eu-west-1" }, []],
    [{ "amazonaws.com/role-arn": ROLE, "amazonaws.com/region": "" }, []],
    [{ "amazonaws.com/role-arn": "not-an-arn" }, [/^amazonaws.com\/role-arn is not the ARN of an IAM role: /]],
    [
      { "amazonaws.com/role-arn": "$(DB_PASSWORD)", "amazonaws.com/region": "EU" },
      [/^amazonaws.com\/role-arn is not/, /^amazonaws.com\/region is not an AWS region: /],
    ],
  ])("for the annotations %j", (annotations, warnings) => {
    expect(warningsFor(annotations)).toEqual(warnings.map((pattern) => expect.stringMatching(pattern)));
  });
});

describe.skipIf(!hasJq)("report.jq, run on what kubectl prints", () => {
  const report = (prefix?: string) =>
    execFileSync(
      "jq",
      [
        ...(prefix ? ["--arg", "prefix", prefix] : []),
        ...["--raw-output", "--from-file", join(DIRECTORY, "injection", "report.jq"), "test/examples/kubectl-get.json"],
      ],
      { encoding: "utf8" },
    );
  const rows = hasJq
    ? report()
        .trim()
        .split("\n")
        .map((line) => line.split("\t"))
    : [];

  it.each([
    ["orders", "projected-token-1", "ok"],
    ["checkout", "sidecar-1", "ok"],
    ["older", "-", "not injected: it is older than the policy, the annotation or the label: restart it"],
    ["reports", "-", "not injected: its namespace has no label, or it is older than the policy or the annotation"],
    ["keys", "-", "not injected: its containers have credentials of their own"],
    ["half", "projected-token-1", "backup has credentials of its own"],
    ["optout", "-", "not injected: the pod has opted out"],
    ["node-agent", "-", "not injected: it is on the host network, which the sidecar leaves alone"],
    ["meshed", "projected-token-1", "istio-proxy has none: it was added later, or it has a mount of its own"],
    ["invoices", "-", "not injected: the annotation is not the ARN of a role"],
    ["windows", "-", "not injected: it is for Windows"],
    ["monolith", "-", "not injected: the namespace has opted out"],
  ])("says of the pod of %s: %s, %s", (app, version, remark) => {
    const [row] = rows.filter(([, name]) => name!.startsWith(`${app}-`));
    expect(row?.slice(3)).toEqual([version, remark]);
  });

  const HOST = "not injected: it is on the host network, which the sidecar leaves alone";
  const OLDER = "not injected: it is older than the policy, the annotation or the label: restart it";
  const VOLUME = (name: string) => `not injected: it has a volume with the name ${name}`;
  it.each([
    { policies: ["sidecar"], way: undefined, remarks: [HOST, VOLUME("gke-aws-credentials"), OLDER] },
    { policies: ["projected-token"], way: undefined, remarks: [OLDER, OLDER, VOLUME("aws-web-identity-token")] },
    { policies: ["projected-token", "sidecar"], way: undefined, remarks: [HOST, VOLUME("gke-aws-credentials"), OLDER] },
    {
      policies: ["projected-token", "sidecar-canary"],
      way: "token",
      remarks: [OLDER, OLDER, VOLUME("aws-web-identity-token")],
    },
  ])("explains a pod by the policy of its namespace: $policies, $way", ({ policies, way, remarks }) => {
    const labels = { "gke-aws-credentials/inject": "true", ...(way ? { "gke-aws-credentials/way": way } : {}) };
    const { metadata } = inNamespace().serviceAccounts[0]!;
    const withVolume = (name: string) => ({ volumes: [{ name, emptyDir: {} }] });
    const items = [
      ...policies.map((name) => ({
        kind: "MutatingAdmissionPolicy",
        metadata: { name: `gke-aws-credentials-${name}` },
      })),
      { kind: "Namespace", metadata: { name: "shop", labels } },
      { kind: "ServiceAccount", metadata: { ...metadata, namespace: "shop" } },
      ...[{ hostNetwork: true }, withVolume("gke-aws-credentials"), withVolume("aws-web-identity-token")].map(
        (spec) => ({ ...pod, spec: { ...pod.spec!, ...spec }, status: { phase: "Running" } }),
      ),
    ];
    const reported = execFileSync("jq", ["-r", "-f", join(DIRECTORY, "injection", "report.jq")], {
      encoding: "utf8",
      input: JSON.stringify({ items }),
    });
    const lines = reported.trim().split("\n");
    expect(lines.map((line) => line.split("\t")[4])).toEqual(remarks);
  });

  it("leaves out pods without a role and pods that have ended", () => {
    expect(rows).toHaveLength(12);
    expect(report("eks.amazonaws.com/")).toBe("");
  });

  it("calls those pods Windows that the policies leave alone", () => {
    const OS = "kubernetes.io/os";
    const nodes = (...terms: readonly object[][]): object => ({
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: terms.map((matchExpressions) => ({ matchExpressions })),
          },
        },
      },
    });
    const isLinux = { key: OS, operator: "In", values: ["linux", "windows"] };
    const notLinux = { key: OS, operator: "NotIn", values: ["linux"] };
    const zone = { key: "topology.kubernetes.io/zone", operator: "In", values: ["europe-west1-b"] };
    const specs: readonly object[] = [
      {},
      ...["linux", "windows", "plan9"].flatMap((name) => [{ os: { name } }, { nodeSelector: { [OS]: name } }]),
      { nodeSelector: { "beta.kubernetes.io/os": "windows" } },
      { nodeSelector: { disk: "windows" } },
      { affinity: {} },
      { affinity: { nodeAffinity: {} } },
      nodes([zone]),
      nodes([isLinux]),
      nodes([notLinux]),
      nodes([zone, notLinux]),
      nodes([zone], [notLinux]),
      nodes([{ key: OS, operator: "In", values: ["windows"] }], [notLinux, zone]),
      nodes([{ key: OS, operator: "In", values: ["plan9"] }]),
      nodes([{ key: OS, operator: "NotIn", values: ["windows"] }]),
      nodes([{ key: OS, operator: "Exists" }]),
      nodes([]),
    ];
    const pods = specs.map((spec, index) => ({
      ...pod,
      metadata: { name: `pod-${index}`, namespace: "shop" },
      spec: { ...pod.spec!, ...spec },
      status: { phase: "Running" as const },
    }));
    const namespace = { kind: "Namespace", metadata: { name: "shop" } };
    const account = {
      kind: "ServiceAccount",
      metadata: { ...inNamespace().serviceAccounts[0]!.metadata, namespace: "shop" },
    };
    const reported = execFileSync("jq", ["-r", "-f", join(DIRECTORY, "injection", "report.jq")], {
      encoding: "utf8",
      input: JSON.stringify({ items: [namespace, account, ...pods] }),
    });
    const windows = reported
      .trim()
      .split("\n")
      .filter((line) => line.endsWith("it is for Windows"))
      .map((line) => line.split("\t")[1]);
    const admission = readAdmission(join(DIRECTORY, "injection", "projected-token.yaml"));
    const left = pods.filter((one) => admitPod(admission, one, inNamespace()).metadata!.labels === undefined);
    expect(windows).toEqual(left.map(({ metadata }) => metadata.name));
    expect(windows.length).toBeGreaterThan(6);
  });

  it("knows the variables and the patterns of the policies", () => {
    const text = readFileSync(join(DIRECTORY, "injection", "report.jq"), "utf8");
    const variables = readAdmission(join(DIRECTORY, "injection", "sidecar.yaml")).policy.spec.variables;
    const settled = variables.find(({ name }) => name === "settled")!.expression;
    expect([...text.matchAll(/"(AWS_\w+)"/g)].map(([, name]) => name)).toEqual(
      [...settled.matchAll(/'(\w+)'/g)].map(([, name]) => name),
    );
    const inject = variables.find(({ name }) => name === "inject")!.expression;
    const [role, region] = [...inject.matchAll(/matches\('\^(.*?)\$'\)/g)].map(([, pattern]) => pattern!);
    expect(text).toContain(`"^${role}$"`);
    expect(text).toContain(`"^(${region})?$"`);
    const warnings = readFileSync(join(DIRECTORY, "injection", "service-account-warnings.yaml"), "utf8");
    expect(warnings).toContain(`^${role}$`);
    expect(warnings).toContain(`^${region}$`);
  });
});
