import fc from "fast-check";
import * as admissionregistration from "kubernetes-models/admissionregistration.k8s.io/v1";
import { type IContainer, type INodeSelectorRequirement, type IPod, Pod } from "kubernetes-models/v1";
import { describe, expect, it } from "vitest";
import { run } from "../../src/cli/program.js";
import { toPlainCel } from "../support/cel.js";
import { typeErrors } from "../support/kubernetes-types.js";
import {
  type Account,
  type Admission,
  admitPod,
  type Cluster,
  readAdmission,
  withVariable,
} from "../support/mutating-admission.js";

const ROLE = "arn:aws:iam::123456789012:role/orders";
const SESSION_NAME = "shop.default";
const sidecar = readAdmission("examples/kubernetes/injection/sidecar.yaml");
const projectedToken = readAdmission("examples/kubernetes/injection/projected-token.yaml");

interface Way {
  readonly way: string;
  /** The value of the label that says which policy, in which version, has changed a pod. */
  readonly version: string;
  readonly admission: Admission;
  readonly volume: string;
  readonly mountPath: string;
  readonly env: Readonly<Record<string, string>>;
}

const WAYS: readonly Way[] = [
  {
    way: "the sidecar",
    version: "sidecar-1",
    admission: sidecar,
    volume: "gke-aws-credentials",
    mountPath: "/var/run/secrets/gke-aws-credentials",
    env: {
      AWS_ROLE_ARN: ROLE,
      AWS_CONTAINER_CREDENTIALS_FULL_URI: "http://127.0.0.1:9911/",
      AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: "/var/run/secrets/gke-aws-credentials/token",
    },
  },
  {
    way: "the projected token",
    version: "projected-token-1",
    admission: projectedToken,
    volume: "aws-web-identity-token",
    mountPath: "/var/run/secrets/aws-web-identity",
    env: { AWS_ROLE_ARN: ROLE, AWS_WEB_IDENTITY_TOKEN_FILE: "/var/run/secrets/aws-web-identity/token" },
  },
];

const account = (name = "default", annotations: Record<string, string> = {}): Account => ({
  metadata: { name, annotations: { "amazonaws.com/role-arn": ROLE, ...annotations } },
});
const cluster = (...serviceAccounts: readonly Account[]): Cluster => ({ serviceAccounts });
const WITH_ROLE = cluster({ metadata: { name: "other" } }, account());

function pod(spec: Partial<NonNullable<IPod["spec"]>> = {}, metadata: IPod["metadata"] = {}): IPod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "orders-7d9f5b6c4-x2x8z", namespace: "shop", ...metadata },
    spec: { containers: [{ name: "app", image: "app:1" }], ...spec },
  };
}

const EKS = { "eks.amazonaws.com/role-arn": ROLE };
const requireNodes = (...terms: readonly INodeSelectorRequirement[][]) => ({
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: terms.map((matchExpressions) => ({ matchExpressions })),
      },
    },
  },
});
const OS = "kubernetes.io/os";
const ZONE: INodeSelectorRequirement = {
  key: "topology.kubernetes.io/zone",
  operator: "In",
  values: ["europe-west1-b"],
};
const WINDOWS: readonly Partial<NonNullable<IPod["spec"]>>[] = [
  { os: { name: "windows" } },
  { nodeSelector: { [OS]: "windows" } },
  { nodeSelector: { "beta.kubernetes.io/os": "windows" } },
  requireNodes([{ key: OS, operator: "In", values: ["windows"] }]),
  requireNodes([ZONE, { key: OS, operator: "NotIn", values: ["linux"] }]),
  requireNodes(
    [{ key: OS, operator: "In", values: ["windows"] }],
    [{ key: OS, operator: "In", values: ["windows"] }, ZONE],
  ),
];
const LINUX: typeof WINDOWS = [
  { os: { name: "linux" } },
  { nodeSelector: { [OS]: "linux", disk: "ssd" } },
  { affinity: {} },
  { affinity: { nodeAffinity: {} } },
  requireNodes([ZONE]),
  requireNodes([{ key: OS, operator: "In", values: ["linux"] }]),
  requireNodes([{ key: OS, operator: "NotIn", values: ["windows"] }]),
  requireNodes([{ key: OS, operator: "Exists" }]),
  requireNodes([{ key: OS, operator: "In", values: ["windows", "linux"] }]),
  requireNodes([{ key: OS, operator: "In", values: ["windows"] }], [ZONE]),
];

const container = (name: string, rest: Partial<IContainer> = {}): IContainer => ({ name, image: "app:1", ...rest });
const environmentOf = ({ env = [] }: IContainer) => Object.fromEntries(env.map(({ name, value }) => [name, value]));
const containersOf = ({ spec }: IPod): readonly IContainer[] => [...(spec!.initContainers ?? []), ...spec!.containers];
const named = (object: IPod, name: string): IContainer => containersOf(object).find((one) => one.name === name)!;
/** The pod as it is where no policy applies. */
const asIs = (object: IPod): IPod => ({ ...object, spec: { serviceAccountName: "default", ...object.spec! } });

/** Every result of a test is one that the API server would accept. */
function admit({ admission }: Way, object: IPod, inside: Cluster = WITH_ROLE): IPod {
  const admitted = admitPod(admission, object, inside);
  new Pod(admitted).validate();
  const mounts = containersOf(admitted).flatMap(({ volumeMounts = [] }) => volumeMounts.map((mount) => mount.name));
  const volumes = (admitted.spec!.volumes ?? []).map((volume) => volume.name);
  expect(volumes).toEqual(expect.arrayContaining(mounts));
  for (const names of [volumes, containersOf(admitted).map(({ name }) => name)]) {
    expect(new Set(names).size).toBe(names.length);
  }
  return admitted;
}

function expectInjected({ env, volume, mountPath, version }: Way, admitted: IPod, name: string): void {
  const { volumeMounts } = named(admitted, name);
  expect(admitted.metadata?.labels).toMatchObject({ "gke-aws-credentials/injected": version });
  expect(environmentOf(named(admitted, name))).toMatchObject(env);
  expect(volumeMounts).toContainEqual({ name: volume, mountPath, readOnly: true });
  expect(admitted.spec?.volumes?.map((one) => one.name)).toContain(volume);
}

describe.each(WAYS)("the policy of $way", (way) => {
  const { admission, volume, mountPath, env } = way;

  it("injects the variables and the volume when the pod's service account has a role", () => {
    const admitted = admit(way, pod({ serviceAccountName: "orders" }), cluster(account("default"), account("orders")));
    expectInjected(way, admitted, "app");
  });

  it("injects when the pod names no service account and default has a role", () => {
    expectInjected(way, admit(way, pod()), "app");
  });

  it("injects when the service account's token is not mounted", () => {
    expectInjected(way, admit(way, pod({ automountServiceAccountToken: false })), "app");
  });

  it("serves init containers and native sidecars too", () => {
    const initContainers = [
      container("migrate"),
      container("log-agent", { restartPolicy: "Always" } as Partial<IContainer>),
    ];
    const admitted = admit(way, pod({ initContainers }));
    for (const name of ["migrate", "log-agent", "app"]) expectInjected(way, admitted, name);
    const names = admitted.spec!.initContainers!.map(({ name }) => name);
    expect(names.filter((name) => name !== "gke-aws-credentials")).toEqual(["migrate", "log-agent"]);
  });

  it("serves a container whose root file system is read-only and whose user is its own", () => {
    const securityContext = { readOnlyRootFilesystem: true, runAsUser: 1234, runAsNonRoot: true };
    const admitted = admit(way, pod({ containers: [container("app", { securityContext })] }));
    expectInjected(way, admitted, "app");
    expect(named(admitted, "app").securityContext).toEqual(securityContext);
  });

  it("keeps the variables, mounts and volumes that the pod had", () => {
    const mount = { name: "data", mountPath: "/data" };
    const app = container("app", { env: [{ name: "LOG", value: "debug" }], volumeMounts: [mount] });
    const admitted = admit(way, pod({ containers: [app], volumes: [{ name: "data", emptyDir: {} }] }));
    expectInjected(way, admitted, "app");
    expect(named(admitted, "app").env).toContainEqual({ name: "LOG", value: "debug" });
    expect(named(admitted, "app").volumeMounts).toContainEqual(mount);
    expect(admitted.spec!.volumes).toContainEqual({ name: "data", emptyDir: {} });
  });

  it("sets both region variables when the service account names a region", () => {
    const inside = cluster(account("default", { "amazonaws.com/region": "eu-west-1" }));
    const admitted = admit(way, pod({ initContainers: [container("migrate")] }), inside);
    for (const name of ["migrate", "app"]) {
      expect(environmentOf(named(admitted, name))).toMatchObject({
        AWS_REGION: "eu-west-1",
        AWS_DEFAULT_REGION: "eu-west-1",
      });
    }
    expect(environmentOf(named(admit(way, pod()), "app"))).toEqual({ ...env, AWS_ROLE_SESSION_NAME: SESSION_NAME });
  });

  it.each(["AWS_REGION", "AWS_DEFAULT_REGION"])("leaves the region alone when a container sets %s", (name) => {
    const inside = cluster(account("default", { "amazonaws.com/region": "eu-west-1" }));
    const containers = [container("app", { env: [{ name, value: "us-west-2" }] })];
    const admitted = admit(
      way,
      pod({ containers, initContainers: containers.map((one) => ({ ...one, name: "i" })) }),
      inside,
    );
    for (const one of ["app", "i"])
      expect(environmentOf(named(admitted, one))).toEqual({
        ...env,
        AWS_ROLE_SESSION_NAME: SESSION_NAME,
        [name]: "us-west-2",
      });
  });

  it.each([
    ["AWS_ACCESS_KEY_ID"],
    ["AWS_CONTAINER_AUTHORIZATION_TOKEN"],
    ["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"],
    ["AWS_CONTAINER_CREDENTIALS_FULL_URI"],
    ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"],
    ["AWS_DEFAULT_PROFILE"],
    ["AWS_PROFILE"],
    ["AWS_ROLE_ARN"],
    ["AWS_SECRET_ACCESS_KEY"],
    ["AWS_SHARED_CREDENTIALS_FILE"],
    ["AWS_WEB_IDENTITY_TOKEN_FILE"],
  ])("leaves a container alone when it sets %s", (name) => {
    const own = container("own", { env: [{ name, valueFrom: { fieldRef: { fieldPath: "metadata.name" } } }] });
    const ownInit = { ...own, name: "own-init" };
    const both = admit(way, pod({ containers: [own, container("app")], initContainers: [ownInit] }));
    expect([named(both, "own"), named(both, "own-init")]).toEqual([own, ownInit]);
    expectInjected(way, both, "app");
    const alone = pod({ containers: [own], initContainers: [container("migrate")] });
    expect(admit(way, alone)).toEqual(asIs(alone));
  });

  it("leaves a container alone when it mounts something of its own at the same path", () => {
    const own = container("own", { volumeMounts: [{ name: "data", mountPath }] });
    const admitted = admit(
      way,
      pod({ containers: [own, container("app")], volumes: [{ name: "data", emptyDir: {} }] }),
    );
    expect(named(admitted, "own")).toEqual(own);
    expectInjected(way, admitted, "app");
  });

  it("leaves the pod alone when it has a volume of the same name", () => {
    const own = pod({ volumes: [{ name: volume, configMap: { name: "mine" } }] });
    expect(admit(way, own)).toEqual(asIs(own));
  });

  it.each<[string, IPod, Cluster]>([
    ["no service account has a role", pod(), cluster({ metadata: { name: "default" } })],
    ...[
      "",
      "not-an-arn",
      "$(DB_PASSWORD)",
      "arn:aws:iam::123456789012:role/$(DB_PASSWORD)",
      "arn:aws:iam::123456789012:role/",
      "arn:aws:iam::1234:role/orders",
      "arn:aws:iam::123456789012:user/orders",
      ` ${ROLE}`,
      `${ROLE}\n`,
    ].map((role): [string, IPod, Cluster] => [
      `the role is ${JSON.stringify(role)}`,
      pod(),
      cluster(account("default", { "amazonaws.com/role-arn": role })),
    ]),
    ...["$(DB_PASSWORD)", "not-a-region", "eu-west", "EU-WEST-1", "eu-west-1 "].map(
      (region): [string, IPod, Cluster] => [
        `the region is ${JSON.stringify(region)}`,
        pod(),
        cluster(account("default", { "amazonaws.com/region": region })),
      ],
    ),
    ["the annotation has another prefix", pod(), cluster({ metadata: { name: "default", annotations: EKS } })],
    ["only another service account has a role", pod(), cluster(account("orders"), { metadata: { name: "default" } })],
    ["the namespace has no service accounts", pod(), cluster()],
    ["the pod has the opt-out label", pod({}, { labels: { "gke-aws-credentials/inject": "false" } }), WITH_ROLE],
    [
      "the namespace has the opt-out label",
      pod(),
      { ...WITH_ROLE, namespaceLabels: { "gke-aws-credentials/inject": "false" } },
    ],
    ...WINDOWS.map((spec): [string, IPod, Cluster] => [`the pod has ${JSON.stringify(spec)}`, pod(spec), WITH_ROLE]),
    [
      "the namespace is the canary's",
      pod(),
      { ...WITH_ROLE, namespaceLabels: { "gke-aws-credentials/inject": "canary" } },
    ],
    ...["kube-system", "kube-public", "kube-node-lease", "gke-managed-system", "gmp-system", "gke-gmp-system"].map(
      (namespace): [string, IPod, Cluster] => [`the namespace is ${namespace}`, pod({}, { namespace }), WITH_ROLE],
    ),
  ])("leaves the pod as it is when %s", (_, object, inside) => {
    expect(admit(way, object, inside)).toEqual(asIs(object));
  });

  it.each<[Partial<NonNullable<IPod["spec"]>>]>(LINUX.map((spec) => [spec]))("injects a pod with %j", (spec) => {
    expectInjected(way, admit(way, pod(spec)), "app");
  });

  it.each(["arn:aws-us-gov:iam::123456789012:role/teams/shop/orders_1+=,.@-x", "arn:aws:iam:::role/ceph"])(
    "injects the role %s",
    (role) => {
      const admitted = admit(way, pod(), cluster(account("default", { "amazonaws.com/role-arn": role })));
      expect(environmentOf(named(admitted, "app"))).toMatchObject({ AWS_ROLE_ARN: role });
    },
  );

  it.each(["us-east-1", "us-gov-west-1", "us-isob-east-1", "eusc-de-east-1", "ap-southeast-7"])(
    "injects the region %s",
    (region) => {
      const admitted = admit(way, pod(), cluster(account("default", { "amazonaws.com/region": region })));
      expect(environmentOf(named(admitted, "app"))).toMatchObject({ AWS_REGION: region });
    },
  );

  it("reads the annotations of EKS when the prefix is theirs, and no others", () => {
    const ofEks = { ...way, admission: withVariable(admission, "prefix", "'eks.amazonaws.com/'") };
    const inside = cluster({ metadata: { name: "default", annotations: EKS } });
    expectInjected(way, admit(ofEks, pod(), inside), "app");
    expect(admit(ofEks, pod())).toEqual(asIs(pod()));
  });

  it("names the session after namespace and service account, for init containers too", () => {
    const admitted = admit(way, pod({ serviceAccountName: "orders", initContainers: [container("migrate")] }), {
      serviceAccounts: [account("orders")],
    });
    for (const name of ["migrate", "app"])
      expect(environmentOf(named(admitted, name))).toMatchObject({ AWS_ROLE_SESSION_NAME: "shop.orders" });
  });

  it("cuts the session's name to 64 characters", () => {
    const name = "a".repeat(70);
    const admitted = admit(way, pod({ serviceAccountName: name }), cluster(account(name)));
    const { AWS_ROLE_SESSION_NAME } = environmentOf(named(admitted, "app"));
    expect(AWS_ROLE_SESSION_NAME).toBe(`shop.${"a".repeat(59)}`);
  });

  it("leaves the session's name alone when a container sets AWS_ROLE_SESSION_NAME", () => {
    const own = container("own", { env: [{ name: "AWS_ROLE_SESSION_NAME", value: "mine" }] });
    const admitted = admit(way, pod({ containers: [own], initContainers: [{ ...own, name: "own-init" }] }));
    for (const name of ["own", "own-init"]) {
      expectInjected(way, admitted, name);
      expect(environmentOf(named(admitted, name))).toMatchObject({ AWS_ROLE_SESSION_NAME: "mine" });
    }
  });

  it("keeps the labels of the pod", () => {
    const admitted = admit(way, pod({}, { labels: { app: "orders" } }));
    expect(admitted.metadata!.labels).toEqual({ app: "orders", "gke-aws-credentials/injected": way.version });
  });

  it.each(["inject", "true"])("injects when the label says %s", (value) => {
    expectInjected(way, admit(way, pod({}, { labels: { "gke-aws-credentials/inject": value } })), "app");
  });

  it("injects only in labelled namespaces when the binding is turned to opt in", () => {
    const copy = structuredClone(admission);
    const requirement = copy.binding.spec.matchResources.namespaceSelector.matchExpressions[1]!;
    Object.assign(requirement, { operator: "In", values: ["true"] });
    const optIn = { ...way, admission: copy };
    expect(admit(optIn, pod())).toEqual(asIs(pod()));
    const labelled = { ...WITH_ROLE, namespaceLabels: { "gke-aws-credentials/inject": "true" } };
    expectInjected(way, admit(optIn, pod(), labelled), "app");
  });

  it("changes nothing more when it runs again, also after a webhook has added a container", () => {
    const once = admit(way, pod({ initContainers: [container("migrate")] }));
    expect(admit(way, once)).toEqual(once);
    const meshed = structuredClone(once);
    meshed.spec!.containers.push(container("istio-proxy"));
    expect(admit(way, meshed)).toEqual(meshed);
  });

  it("leaves the pod alone when the other policy has served it", () => {
    const other = WAYS.find((one) => one !== way)!;
    const once = admit(other, pod({ initContainers: [container("migrate")] }));
    expect(admit(way, once)).toEqual(once);
  });

  it("never changes or removes what a pod has, and never fails, whatever the pod", () => {
    fc.assert(
      fc.property(anyPod, anyCluster, (object, inside) => {
        const before = structuredClone(object);
        const admitted = admit(way, object, inside);
        expect(object).toEqual(before);
        for (const one of containersOf(object)) {
          const { env: own = [], volumeMounts = [], ...rest } = one;
          const now = named(admitted, one.name);
          expect(now).toMatchObject(rest);
          expect((now.env ?? []).slice(0, own.length)).toEqual(own);
          expect((now.volumeMounts ?? []).slice(0, volumeMounts.length)).toEqual(volumeMounts);
        }
        expect((admitted.spec!.volumes ?? []).slice(0, object.spec!.volumes?.length ?? 0)).toEqual(
          object.spec!.volumes ?? [],
        );
        expect(admit(way, admitted, inside)).toEqual(admitted);
      }),
      { numRuns: 150 },
    );
  });
});

const VARIABLES = [
  "LOG",
  "AWS_REGION",
  "AWS_DEFAULT_REGION",
  "AWS_ROLE_ARN",
  "AWS_PROFILE",
  "AWS_WEB_IDENTITY_TOKEN_FILE",
];
const anyContainer = (name: string) =>
  fc.record(
    {
      name: fc.constant(name),
      image: fc.constant("app:1"),
      env: fc.uniqueArray(fc.record({ name: fc.constantFrom(...VARIABLES), value: fc.constantFrom("", "x") }), {
        selector: (variable) => variable.name,
        maxLength: 3,
      }),
      volumeMounts: fc.uniqueArray(
        fc.record({
          name: fc.constant("data"),
          mountPath: fc.constantFrom("/data", ...WAYS.map((way) => way.mountPath)),
        }),
        { selector: (mount) => mount.mountPath, maxLength: 2 },
      ),
      tty: fc.boolean(),
    },
    { requiredKeys: ["name", "image"] },
  );
const anyContainers = (prefix: string, minLength: number) =>
  fc
    .array(fc.constant(0), { minLength, maxLength: 3 })
    .chain((places) => fc.tuple(...places.map((_, index) => anyContainer(`${prefix}-${index}`))));
const anyPod: fc.Arbitrary<IPod> = fc
  .record(
    {
      containers: anyContainers("app", 1),
      initContainers: anyContainers("init", 0),
      serviceAccountName: fc.constantFrom("default", "orders"),
      hostNetwork: fc.boolean(),
      placement: fc.constantFrom(...WINDOWS, ...LINUX),
    },
    { requiredKeys: ["containers"] },
  )
  .map(({ placement, ...spec }) => ({ ...placement, ...spec }))
  .map((spec) => pod({ ...spec, volumes: [{ name: "data", emptyDir: {} }] }));
const anyCluster: fc.Arbitrary<Cluster> = fc.constantFrom(
  WITH_ROLE,
  cluster(account("default", { "amazonaws.com/region": "eu-west-1" }), account("orders")),
  cluster({ metadata: { name: "default" } }, account("orders")),
  cluster({ metadata: { name: "default", annotations: EKS } }, account("orders", { "amazonaws.com/role-arn": "no" })),
);

describe("the injected sidecar", () => {
  const [way] = WAYS as [Way];
  const injected = (object = pod(), inside = WITH_ROLE): IContainer =>
    named(admit(way, object, inside), "gke-aws-credentials");

  it("is left out when the pod has a container of the same name", () => {
    const own = pod({
      initContainers: [container("gke-aws-credentials", { restartPolicy: "Always" } as Partial<IContainer>)],
    });
    expect(admit(way, own)).toEqual(asIs(own));
  });

  it("comes before all other init containers", () => {
    const admitted = admit(way, pod({ initContainers: [container("migrate"), container("second")] }));
    expect(admitted.spec!.initContainers!.map(({ name }) => name)).toEqual([
      "gke-aws-credentials",
      "migrate",
      "second",
    ]);
  });

  it("calls serve with flags that the command knows, for the role and the region of the service account", async () => {
    const inside = cluster(account("default", { "amazonaws.com/region": "eu-west-1" }));
    const { args = [], ...rest } = injected(pod(), inside);
    expect(environmentOf(rest as IContainer)).toEqual({
      AWS_ROLE_ARN: ROLE,
      AWS_ROLE_SESSION_NAME: SESSION_NAME,
      AWS_REGION: "eu-west-1",
      METADATA_SERVER_DETECTION: "assume-present",
    });
    let said = "";
    const sink = {
      write: (text: string) => {
        said += text;
      },
    };
    const output = { stdout: sink, stderr: sink, untilStopped: async () => {} };
    // Commander reads the flags before it is asked for help.
    expect(await run([...args, "--help"], output)).toBe(0);
    for (const flag of args.filter((arg) => arg.startsWith("--"))) expect(said).toContain(flag);
    const ports = ["--port", "9911", "--health-port", "9912"];
    expect(args).toEqual(["serve", ...ports, "--token-file", `${way.mountPath}/token`, "--file-mode", "444"]);
  });

  it("is left out, and the pod stays as it is, when the policy has no image", () => {
    const untouched = { ...way, admission: readAdmission("examples/kubernetes/injection/sidecar.yaml", "") };
    expect(admit(untouched, pod())).toEqual(asIs(pod()));
  });

  it("uses other ports when the policy names others, for the containers and the probe too", () => {
    const admission = withVariable(withVariable(way.admission, "port", "7001"), "healthPort", "7002");
    const admitted = admit({ ...way, admission }, pod());
    const { args = [], startupProbe } = named(admitted, "gke-aws-credentials");
    expect(args.join(" ")).toContain("--port 7001 --health-port 7002");
    expect(startupProbe!.httpGet).toEqual({ path: "/healthz", port: 7002 });
    expect(environmentOf(named(admitted, "app"))).toMatchObject({
      AWS_CONTAINER_CREDENTIALS_FULL_URI: "http://127.0.0.1:7001/",
    });
  });

  it("is probed where serve tells its health, for two minutes, without a program in the container", () => {
    expect(injected().startupProbe).toEqual({
      httpGet: { path: "/healthz", port: 9912 },
      periodSeconds: 1,
      timeoutSeconds: 5,
      failureThreshold: 120,
    });
  });

  it("runs restricted, with limits, from the image of the policy", () => {
    const { securityContext, resources, image } = injected();
    expect(securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      runAsNonRoot: true,
      runAsUser: 65532,
      capabilities: { drop: ["ALL"] },
      seccompProfile: { type: "RuntimeDefault" },
    });
    expect(resources).toEqual({ requests: { cpu: "10m", memory: "96Mi" }, limits: { memory: "128Mi" } });
    expect(image).toBe("registry.example/gke-aws-credentials@sha256:0123");
  });

  it("keeps its token in memory", () => {
    const { volumes } = admit(way, pod()).spec!;
    expect(volumes).toEqual([{ name: way.volume, emptyDir: { medium: "Memory", sizeLimit: "1Mi" } }]);
  });

  it("is left out when the pod is on the host network, where the identity is the node's", () => {
    const host = pod({ hostNetwork: true });
    expect(admit(way, host)).toEqual(asIs(host));
    expectInjected(WAYS[1]!, admit(WAYS[1]!, host), "app");
  });
});

describe("the injected token", () => {
  it("is for STS, lives an hour, and is readable by any user of the pod", () => {
    const { volumes } = admit(WAYS[1]!, pod()).spec!;
    const serviceAccountToken = { audience: "sts.amazonaws.com", expirationSeconds: 3600, path: "token" };
    expect(volumes).toEqual([
      { name: "aws-web-identity-token", projected: { defaultMode: 0o444, sources: [{ serviceAccountToken }] } },
    ]);
  });
});

describe.each(WAYS)("the manifest of $way", ({ admission: { policy, binding } }) => {
  const expressions = [
    ...policy.spec.matchConditions,
    ...policy.spec.variables,
    ...policy.spec.mutations.map(({ applyConfiguration, jsonPatch }) => (applyConfiguration ?? jsonPatch)!),
  ].map(({ expression }) => expression);

  it("meets Kubernetes' own schema", () => {
    for (const manifest of [policy, binding]) {
      const Model = Reflect.get(admissionregistration, manifest.kind) as new (
        data: unknown,
      ) => { validate: () => void };
      expect(() => new Model(manifest).validate()).not.toThrow();
      expect(() =>
        new Model({ ...manifest, spec: { ...manifest.spec, paramRef: 5, paramKind: 5 } }).validate(),
      ).toThrow();
    }
  });

  it("binds the policy of the same name, offers it every service account, and refuses no pod that has none", () => {
    expect(binding.spec.policyName).toBe(policy.metadata.name);
    expect(binding.spec.paramRef).toEqual({ selector: {}, parameterNotFoundAction: "Allow" });
    expect(policy.spec).toMatchObject({
      paramKind: { apiVersion: "v1", kind: "ServiceAccount" },
      failurePolicy: "Fail",
      reinvocationPolicy: "IfNeeded",
    });
  });

  it("keeps to the functions of CEL's standard and of Kubernetes' strings", () => {
    const called = expressions.flatMap((expression) =>
      [...expression.replaceAll(/'[^']*'/g, "").matchAll(/(\w+)\(/g)].map(([, name]) => name),
    );
    const known = "has exists all filter map size matches endsWith substring string".split(" ");
    expect(known).toEqual(expect.arrayContaining(called.filter((name) => !["in", "metadata"].includes(name!))));
    for (const expression of expressions) expect(expression).not.toMatch(/\.\?|\[\?/);
  });
});

describe("the types of an expression", () => {
  it("are refused when their name is not their place", () => {
    expect(() => toPlainCel("Object{spec: Object.spec{containers: [Object.spec.volumes{name: 'a'}]}}")).toThrow(
      /belongs/,
    );
    expect(() =>
      toPlainCel("[JSONPatch{op: 'add', path: '/spec/volumes/-', value: Object.spec.env{name: 'a'}}]"),
    ).toThrow();
    expect(toPlainCel("Object{spec: Object.spec{a: x ? {'b:': 1} : c}}")).toBe("{'spec': {'a': x ? {'b:': 1} : c}}");
  });
});

it("results have no field that Kubernetes does not know", async () => {
  const object = pod({ initContainers: [container("migrate")] });
  const results = WAYS.map((way) => ({ type: 'import("kubernetes-models/v1").IPod', value: admit(way, object) }));
  const manifests = WAYS.flatMap(({ admission: { policy, binding } }) =>
    [policy, binding].map((value) => ({
      type: `import("kubernetes-models/admissionregistration.k8s.io/v1").I${value.kind}`,
      value,
    })),
  );
  const wrong = { type: 'import("kubernetes-models/v1").IPod', value: { ...object, metadate: {} } };
  expect(await typeErrors([...results, ...manifests, wrong])).toEqual([expect.stringMatching(/metadate/)]);
}, 60_000);
