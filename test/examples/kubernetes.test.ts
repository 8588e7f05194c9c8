import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Deployment, type IDeployment } from "kubernetes-models/apps/v1";
import { type IJob, Job } from "kubernetes-models/batch/v1";
import { ConfigMap, type IContainer, type IPodSpec, Pod, ServiceAccount } from "kubernetes-models/v1";
import { describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { run } from "../../src/cli/program.js";
import { typeErrors } from "../support/kubernetes-types.js";

const DIRECTORY = "examples/kubernetes";

interface Manifest {
  readonly apiVersion: string;
  readonly kind: "ConfigMap" | "Deployment" | "Job" | "Pod" | "ServiceAccount";
  readonly spec?: unknown;
}

const MODELS = { ConfigMap, Deployment, Job, Pod, ServiceAccount };
const MODULES = { ConfigMap: "v1", Deployment: "apps/v1", Job: "batch/v1", Pod: "v1", ServiceAccount: "v1" };

const manifests = readdirSync(DIRECTORY)
  .filter((name) => name.endsWith(".yaml"))
  .flatMap((file) =>
    parseAllDocuments(readFileSync(join(DIRECTORY, file), "utf8")).map((document) => {
      expect(document.errors).toEqual([]);
      return { file, manifest: document.toJS() as Manifest };
    }),
  );
const pods = manifests.flatMap(({ file, manifest }) => {
  if (manifest.kind === "Pod") return [{ file, spec: manifest.spec as IPodSpec }];
  if (manifest.kind === "Deployment" || manifest.kind === "Job") {
    return [{ file, spec: (manifest.spec as IDeployment["spec"] | IJob["spec"])!.template.spec! }];
  }
  return [];
});

describe("the Kubernetes manifests", () => {
  it.each(manifests)("$file: $manifest.kind meets Kubernetes' own schema", ({ manifest }) => {
    const Model = MODELS[manifest.kind] as new (data: unknown) => { validate: () => void };
    expect(() => new Model(manifest).validate()).not.toThrow();
    expect(() => new Model({ ...manifest, metadata: 5 }).validate()).toThrow();
  });

  it("have no field that Kubernetes does not know", async () => {
    const values = manifests.map(({ manifest }) => ({
      type: `import("kubernetes-models/${MODULES[manifest.kind]}").I${manifest.kind}`,
      value: manifest,
    }));
    const wrong = { ...values[0]!, value: { ...values[0]!.value, metadate: {} } };
    expect(await typeErrors([...values, wrong])).toEqual([expect.stringMatching(/metadate/)]);
  }, 60_000);

  it("run every container restricted: no root, no capability, no writable root file system", () => {
    expect(pods).toHaveLength(5);
    for (const { spec } of pods) {
      expect(spec.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } });
      for (const container of [...(spec.initContainers ?? []), ...spec.containers]) {
        expect(container.image).toMatch(/@sha256:/);
        expect(container.resources?.requests).toHaveProperty("cpu");
        expect(container.securityContext).toMatchObject({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ["ALL"] },
        });
        expect(container.resources?.limits?.memory).toBeDefined();
      }
    }
  });

  it("call the command with flags that it knows, and share what it writes by a memory volume", async () => {
    const sidecars = pods.flatMap(({ spec }) => (spec.initContainers ?? []).map((container) => ({ spec, container })));
    expect(sidecars.map(({ container }) => container.args?.[0])).toEqual(["serve", "token"]);
    for (const { spec, container } of sidecars) {
      let said = "";
      const sink = {
        write: (text: string) => {
          said += text;
        },
      };
      const output = { stdout: sink, stderr: sink, untilStopped: async () => {} };
      // Commander reads the flags before it is asked for help.
      expect(await run([...(container.args ?? []), "--help"], output)).toBe(0);
      for (const flag of container.args?.filter((arg) => arg.startsWith("--")) ?? []) expect(said).toContain(`${flag}`);
      const mount = container.volumeMounts?.[0];
      expect(spec.volumes?.find(({ name }) => name === mount?.name)?.emptyDir?.medium).toBe("Memory");
      expect(spec.containers[0]?.volumeMounts).toContainEqual({ ...mount, readOnly: true });
    }
  });

  it("run the containers of a sidecar pod as different users, who share a group that may read the file", () => {
    const sidecarPods = pods.map(({ spec }) => spec).filter(({ initContainers }) => initContainers);
    expect(sidecarPods).toHaveLength(2);
    for (const { securityContext, initContainers = [], containers } of sidecarPods) {
      expect(securityContext?.fsGroup).toBeGreaterThan(0);
      const users = [...initContainers, ...containers].map(({ securityContext }) => securityContext?.runAsUser);
      expect(new Set(users).size).toBe(2);
      expect(initContainers[0]?.args?.join(" ")).toContain("--file-mode 640");
    }
  });

  it("mount the Kubernetes token for doctor alone, and run exec under an init", () => {
    const mounted = pods.filter(({ spec }) => spec.automountServiceAccountToken !== false).map(({ file }) => file);
    expect(mounted).toEqual(["doctor-job.yaml"]);
    const execs = pods.filter(({ spec }) => spec.containers[0]?.args?.[0] === "exec");
    expect(execs.map(({ spec }) => spec.shareProcessNamespace)).toEqual([true]);
  });

  it("give the other container the very files and port of the sidecar", () => {
    const environmentOf = ({ env = [] }: IContainer) => Object.fromEntries(env.map(({ name, value }) => [name, value]));
    const [serve, token] = pods.filter(({ spec }) => spec.initContainers).map(({ spec }) => spec);
    const sidecar = serve!.initContainers![0]!;
    const flag = (name: string) => sidecar.args![sidecar.args!.indexOf(name) + 1];
    const [port, file] = [flag("--port"), flag("--token-file")];
    expect(sidecar.startupProbe?.httpGet).toEqual({ path: "/healthz", port: Number(flag("--health-port")) });
    for (const spec of [serve, token]) {
      const { AWS_REGION, AWS_DEFAULT_REGION } = environmentOf(spec!.containers[0]!);
      expect([AWS_REGION, AWS_DEFAULT_REGION]).toEqual(["ap-northeast-2", "ap-northeast-2"]);
    }
    expect(environmentOf(serve!.containers[0]!)).toMatchObject({
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `http://127.0.0.1:${port}/`,
      AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: file,
    });
    expect(environmentOf(token!.containers[0]!)).toMatchObject({
      AWS_WEB_IDENTITY_TOKEN_FILE: token?.initContainers?.[0]?.args?.at(-1),
    });
  });

  it("run doctor once in the Job, whose result is the Job's", async () => {
    const job = manifests.find(({ manifest }) => manifest.kind === "Job")?.manifest.spec as IJob["spec"];
    expect(job).toMatchObject({ backoffLimit: 0, ttlSecondsAfterFinished: 3600, activeDeadlineSeconds: 300 });
    expect(job!.template.spec!.restartPolicy).toBe("Never");
    const [{ args, image }] = job!.template.spec!.containers as [IContainer];
    expect(args).toEqual(["doctor"]);
    expect(image).toMatch(/@sha256:/);
  });

  it("show the Job's lines for the cluster as issuer, fit to be used", () => {
    const text = readFileSync(join(DIRECTORY, "doctor-job.yaml"), "utf8");
    // A line of the manifest begins with a small letter, a sentence with a capital.
    const used = text.replaceAll(/^( +)# (?=[a-z -])/gm, "$1");
    const job = parseAllDocuments(used)[0]!.toJS() as { spec: IJob["spec"] };
    expect(() => new Job(job as never).validate()).not.toThrow();
    const spec = job.spec!.template.spec!;
    const token = spec.containers[0]!.env!.find(({ name }) => name === "AWS_WEB_IDENTITY_TOKEN_FILE")!;
    const [mount] = spec.containers[0]!.volumeMounts!;
    const volume = spec.volumes!.find(({ name }) => name === mount!.name)!;
    expect(token.value).toBe(`${mount!.mountPath}/${volume.projected!.sources![0]!.serviceAccountToken!.path}`);
  });
});
