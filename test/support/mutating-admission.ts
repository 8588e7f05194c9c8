import { readFileSync } from "node:fs";
import fastJsonPatch, { type Operation } from "fast-json-patch";
import type { IPod } from "kubernetes-models/v1";
import { parseAllDocuments } from "yaml";
import { evaluateCel } from "./cel.js";

interface Expression {
  readonly expression: string;
}

interface Requirement {
  readonly key: string;
  readonly operator: "In" | "NotIn";
  readonly values: readonly string[];
}

interface Selector {
  readonly matchExpressions: readonly Requirement[];
}

export interface MutatingAdmissionPolicy {
  readonly kind: "MutatingAdmissionPolicy";
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly failurePolicy: "Fail" | "Ignore";
    readonly reinvocationPolicy: "IfNeeded" | "Never";
    readonly matchConditions: readonly (Expression & { readonly name: string })[];
    readonly variables: readonly (Expression & { readonly name: string })[];
    readonly mutations: readonly {
      readonly patchType: "ApplyConfiguration" | "JSONPatch";
      readonly applyConfiguration?: Expression;
      readonly jsonPatch?: Expression;
    }[];
  };
}

export interface MutatingAdmissionPolicyBinding {
  readonly kind: "MutatingAdmissionPolicyBinding";
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly policyName: string;
    readonly paramRef: { readonly selector: object; readonly parameterNotFoundAction: "Allow" | "Deny" };
    readonly matchResources: { readonly namespaceSelector: Selector; readonly objectSelector: Selector };
  };
}

export interface Admission {
  readonly policy: MutatingAdmissionPolicy;
  readonly binding: MutatingAdmissionPolicyBinding;
}

/** The objects that a YAML text holds. */
export const readObjects = (yaml: string): readonly unknown[] =>
  parseAllDocuments(yaml).map((document) => {
    if (document.errors.length > 0) throw document.errors[0];
    return document.toJS() as unknown;
  });

/** A policy with its binding, as a file holds them, but for the image, which every owner sets. */
export function readAdmission(path: string, image = "registry.example/gke-aws-credentials@sha256:0123"): Admission {
  const [policy, binding, ...others] = readObjects(readFileSync(path, "utf8"));
  if (others.length > 0) throw new Error(`${path} holds more than a policy and its binding`);
  const admission = { policy: policy as MutatingAdmissionPolicy, binding: binding as MutatingAdmissionPolicyBinding };
  return withVariable(admission, "image", `'${image}'`);
}

/** The policy with another expression in the variable, if it has such a variable. */
export function withVariable({ policy, binding }: Admission, name: string, expression: string): Admission {
  const variables = policy.spec.variables.map((one) => (one.name === name ? { name, expression } : one));
  return { policy: { ...policy, spec: { ...policy.spec, variables } }, binding };
}

export interface Account {
  readonly metadata: { readonly name: string; readonly annotations?: Readonly<Record<string, string>> };
}

export interface Cluster {
  /** The labels of the pod's namespace, its name apart. */
  readonly namespaceLabels?: Readonly<Record<string, string>>;
  /** The service accounts of the pod's namespace. */
  readonly serviceAccounts: readonly Account[];
}

/** What the API server makes of a new pod: an admission plug-in fills in the service account, then the policy runs. */
export function admitPod({ policy, binding }: Admission, pod: IPod, cluster: Cluster): IPod {
  const namespace = pod.metadata!.namespace!;
  const { namespaceSelector, objectSelector } = binding.spec.matchResources;
  const asked = withServiceAccount(pod);
  const ofNamespace = { "kubernetes.io/metadata.name": namespace, ...cluster.namespaceLabels };
  if (!selects(namespaceSelector, ofNamespace) || !selects(objectSelector, pod.metadata?.labels ?? {})) return asked;
  // An empty selector in `paramRef` offers every service account of the pod's namespace, one after the other.
  const params = cluster.serviceAccounts.map(({ metadata }) => ({ metadata: { ...metadata, namespace } }));
  return params.reduce((object, account) => mutate(policy, object, account), asked);
}

function withServiceAccount(pod: IPod): IPod {
  const copy = structuredClone(pod);
  copy.spec!.serviceAccountName ??= "default";
  return copy;
}

function selects({ matchExpressions }: Selector, labels: Readonly<Record<string, string>>): boolean {
  return matchExpressions.every(({ key, operator, values }) => {
    const isListed = labels[key] !== undefined && values.includes(labels[key]);
    return operator === "In" ? isListed : !isListed;
  });
}

function mutate({ spec }: MutatingAdmissionPolicy, pod: IPod, params: Account): IPod {
  const isMatch = spec.matchConditions.every(({ name, expression }) => {
    const answer = evaluateCel(expression, { object: pod, params });
    if (typeof answer !== "boolean") throw new Error(`the condition ${name} is no boolean`);
    return answer;
  });
  if (!isMatch) return pod;
  return spec.mutations.reduce((object, { applyConfiguration, jsonPatch }) => {
    const variables: Record<string, unknown> = {};
    const context = { object, params, variables };
    for (const { name, expression } of spec.variables) variables[name] = evaluateCel(expression, context);
    const result = evaluateCel((applyConfiguration ?? jsonPatch)!.expression, context);
    return applyConfiguration
      ? (merge(object, result) as IPod)
      : fastJsonPatch.applyPatch(structuredClone(object), result as Operation[], true).newDocument;
  }, pod);
}

/** The lists of a pod that are merged by a key, from Kubernetes' OpenAPI document (`x-kubernetes-list-map-keys`). */
const MERGE_KEYS: Readonly<Record<string, string>> = {
  containers: "name",
  initContainers: "name",
  env: "name",
  volumes: "name",
  volumeMounts: "mountPath",
};

/** Server-side apply, as far as a pod needs it: maps are merged, keyed lists too, all else is replaced. */
function merge(old: unknown, applied: unknown, field = ""): unknown {
  if (Array.isArray(applied)) return mergeList(old as readonly unknown[] | undefined, applied, field);
  if (typeof applied !== "object" || applied === null) return applied;
  const merged: Record<string, unknown> = { ...(old as object | undefined) };
  for (const [name, value] of Object.entries(applied)) {
    const next = merge(merged[name], value, name);
    // An empty list that was not there before is no field at all.
    if (merged[name] !== undefined || !Array.isArray(next) || next.length > 0) merged[name] = next;
  }
  return merged;
}

function mergeList(old: readonly unknown[] = [], applied: readonly unknown[], field: string): readonly unknown[] {
  const key = MERGE_KEYS[field];
  if (key === undefined) throw new Error(`an apply configuration may not set the atomic list ${field}`);
  const keyOf = (item: unknown): unknown => Reflect.get(item as object, key);
  const kept = old.map((item) => merge(item, applied.find((other) => keyOf(other) === keyOf(item)) ?? {}));
  return [...kept, ...applied.filter((item) => !old.some((other) => keyOf(other) === keyOf(item)))];
}
