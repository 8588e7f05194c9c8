import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

interface Resource {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
  readonly [more: string]: unknown;
}
interface Mount {
  readonly name: string;
  readonly mountPath: string;
}
interface PodSpec {
  readonly serviceAccountName: string;
  readonly containers: readonly [
    {
      readonly command: readonly [string, ...string[]];
      readonly env: readonly { readonly name: string; readonly value: string }[];
      readonly volumeMounts: readonly Mount[];
    },
  ];
  readonly volumes: readonly { readonly name: string; readonly configMap?: { readonly name: string } }[];
}

const RESOURCES: Readonly<Record<string, readonly (readonly [name: string, kind: string])[]>> = {
  "/api/v1": [
    ["configmaps", "ConfigMap"],
    ["serviceaccounts", "ServiceAccount"],
    ["pods", "Pod"],
    ["pods/log", "Pod"],
  ],
  "/apis/batch/v1": [["jobs", "Job"]],
};
const VERBS = ["create", "delete", "get", "list"];

/** What an API server says of itself, which kubectl asks for first. */
const discovery = (path: string): object | undefined => {
  if (path === "/version") return { major: "1", minor: "32", gitVersion: "v1.32.0" };
  if (path === "/api") return { kind: "APIVersions", versions: ["v1"] };
  const version = { groupVersion: "batch/v1", version: "v1" };
  if (path === "/apis") {
    const groups = [{ name: "batch", versions: [version], preferredVersion: version }];
    return { kind: "APIGroupList", apiVersion: "v1", groups };
  }
  const resources = RESOURCES[path]?.map(([name, kind]) => ({ name, kind, namespaced: true, verbs: VERBS }));
  return resources && { kind: "APIResourceList", groupVersion: path.replace(/^\/apis?\//, ""), resources };
};

/** `batch/v1` of a path that names resources, and what stands after the namespace. */
const PATH = /^\/apis?\/((?:batch\/)?v1)\/namespaces\/([^/]+)\/([a-z]+)(?:\/([^/]+))?(?:\/(log))?$/;

export interface FakeCluster extends AsyncDisposable {
  /** A kubeconfig whose current context is this cluster. */
  readonly kubeconfig: string;
  /** All resources that there are now, as `KIND/NAME`. Pods are not listed. */
  readonly resources: () => readonly string[];
}

/**
 * Starts an API server on loopback with one namespace: it keeps ConfigMaps, service accounts and Jobs, and runs the container of
 * each Job as a process of this machine, with `/opt/live` and `/tmp` as folders of its own.
 *
 * @param existing - What is there from the start.
 * @param environmentOf - What a pod of this service account has around it: where its metadata server and STS are.
 */
export async function startFakeCluster(
  existing: readonly Resource[],
  environmentOf: (serviceAccountName: string) => Readonly<Record<string, string>>,
): Promise<FakeCluster> {
  const directory = mkdtempSync(join(tmpdir(), "cluster-"));
  const kept = new Map<string, Resource>(existing.map((one) => [`${one.kind}/${one.metadata.name}`, one]));
  const logs = new Map<string, string>();

  const runJob = (job: Resource): void => {
    const { name } = job.metadata;
    const pod = (job.spec as { template: { spec: PodSpec } }).template.spec;
    const [container] = pod.containers;
    const folders = new Map<string, string>();
    for (const mount of container.volumeMounts) {
      const folder = join(directory, name, mount.name);
      mkdirSync(folder, { recursive: true });
      const configMap = pod.volumes.find((volume) => volume.name === mount.name)?.configMap;
      if (configMap) {
        const { data, binaryData } = kept.get(`ConfigMap/${configMap.name}`) as unknown as Record<
          string,
          Record<string, string>
        >;
        for (const [key, text] of Object.entries(data ?? {})) writeFileSync(join(folder, key), text);
        for (const [key, text] of Object.entries(binaryData ?? {}))
          writeFileSync(join(folder, key), Buffer.from(text, "base64"));
      }
      folders.set(mount.mountPath, folder);
    }
    // In one pass: the folders lie below /tmp themselves.
    const paths = new RegExp(`(?<=^| )(${[...folders.keys()].join("|")})(?=/| |$)`, "g");
    const [file, ...args] = container.command.map((text) => text.replace(paths, (path) => folders.get(path) ?? path));
    const env = Object.fromEntries(container.env.map(({ name: key, value }) => [key, value]));
    const { PATH: path, HOME: home } = process.env;
    const child = spawn(file ?? "", args, {
      env: { PATH: path, HOME: home, NODE_NO_WARNINGS: "1", ...env, ...environmentOf(pod.serviceAccountName) },
      timeout: 60_000,
    });
    let log = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (log += chunk));
    child.on("close", (code) => {
      logs.set(name, log);
      const type = code === 0 ? "Complete" : "Failed";
      if (kept.has(`Job/${name}`))
        kept.set(`Job/${name}`, { ...job, status: { conditions: [{ type, status: "True" }] } });
    });
  };

  const answer = async (request: IncomingMessage): Promise<[status: number, body: object | string]> => {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://cluster");
    const known = discovery(pathname);
    if (known) return [200, known];
    const [, apiVersion, namespace, plural = "", name, isLog] = PATH.exec(pathname) ?? [];
    const kind = Object.values(RESOURCES)
      .flat()
      .find(([one]) => one === plural)?.[1];
    if (!kind) return [404, { kind: "Status", status: "Failure", code: 404, message: `no ${pathname} here` }];
    if (isLog) return [200, logs.get(name ?? "") ?? ""];
    if (request.method === "POST") {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const resource = JSON.parse(Buffer.concat(chunks).toString()) as Resource;
      kept.set(`${kind}/${resource.metadata.name}`, resource);
      if (kind === "Job") runJob(resource);
      return [201, resource];
    }
    const selected = (resource: Resource): boolean => {
      const [key = "", value] = (searchParams.get("labelSelector") ?? "").split("=");
      return key === "" || resource.metadata.labels?.[key] === value;
    };
    // A Job's pod has its name here.
    const pods = [...logs.keys()].map((job) => ({
      ...{ apiVersion: "v1", kind: "Pod", metadata: { name: job, namespace, labels: { "job-name": job } } },
      spec: { containers: [{ name: "doctor" }] },
    }));
    const all: readonly Resource[] = kind === "Pod" ? pods : [...kept.values()].filter((one) => one.kind === kind);
    if (name === undefined)
      return [200, { apiVersion, kind: `${kind}List`, metadata: {}, items: all.filter(selected) }];
    const one = all.find(({ metadata }) => metadata.name === name);
    if (!one)
      return [
        404,
        { kind: "Status", status: "Failure", reason: "NotFound", code: 404, message: `${plural} "${name}" not found` },
      ];
    if (request.method === "DELETE") kept.delete(`${kind}/${name}`);
    return [200, one];
  };

  const server = createServer(async (request, response) => {
    const [status, body] = await answer(request);
    const isText = typeof body === "string";
    response.writeHead(status, { "Content-Type": isText ? "text/plain" : "application/json" });
    response.end(isText ? body : JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const kubeconfig = join(directory, "kubeconfig");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const config = {
    ...{ apiVersion: "v1", kind: "Config", "current-context": "fake", users: [{ name: "user", user: {} }] },
    clusters: [{ name: "fake", cluster: { server: url } }],
    contexts: [{ name: "fake", context: { cluster: "fake", user: "user" } }],
  };
  writeFileSync(kubeconfig, JSON.stringify(config));
  return {
    kubeconfig,
    resources: () => [...kept.keys()],
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      rmSync(directory, { recursive: true });
    },
  };
}
