import type { ClientName } from "./clients.js";

/** What the calls of a client show of its settings. */
export interface Effect {
  /** Of the signatures. */
  readonly regions: readonly (string | undefined)[];
  /** Where the calls went, without ports, and the first part of the path. */
  readonly addresses: readonly string[];
  readonly calls: number;
  readonly isDone: boolean;
}

/** Addresses of the recorder, and its certificate. */
export interface Place {
  readonly url: string;
  readonly tlsUrl: string;
  readonly certFile: string;
}

/** A setting that is no credential, and what it does to each client. */
export interface Setting {
  readonly env?: (place: Place, client: ClientName) => NodeJS.ProcessEnv;
  /** The AWS config file, in which `{keys}` stands for the keys that are in it too. */
  readonly config?: (place: Place) => string;
  /** What the client is told; else the recorder's plain address. */
  readonly endpoint?: (place: Place) => string;
  readonly isS3Down?: true;
  /** With the setting, and not without it. */
  readonly effect: Partial<Effect>;
  /** True, or why this client does not know the setting. */
  readonly reaches: Readonly<Record<ClientName, true | string>>;
}

const OF_ITS_OWN = "It has a setting of its own.";
const NO_CONFIG_FILE = "It does not take this setting from an AWS config file.";
const AFTER_DEBIAN = "Its release in Debian 12 is older than the setting.";
const IN_CODE = "The SDK for JavaScript takes it in code only.";
const GO_IN_CODE = "The Go SDK takes it in code only.";
const NO_PROXY_OF_ITS_OWN = "The SDK for JavaScript takes a proxy in code only.";
const NO_START = "It does not start with this setting.";
const PYTHON = "It takes AWS_CA_BUNDLE, not OpenSSL's variable.";
const NODE = "Node takes NODE_EXTRA_CA_CERTS.";

type Reach = true | string;
const reaches = (aws: Reach, boto3: Reach, rclone: Reach, restic: Reach, go: Reach, js: Reach): Setting["reaches"] => ({
  "the AWS CLI": aws,
  boto3,
  "rclone (Go SDK v1)": rclone,
  "restic (minio-go)": restic,
  "the Go SDK v2": go,
  "the JavaScript SDK": js,
});
/** For a setting that is one client's own. */
const only = (client: ClientName): Setting["reaches"] => ({
  ...reaches(...(Array(6).fill(`It is a setting of ${client}.`) as [Reach, Reach, Reach, Reach, Reach, Reach])),
  [client]: true,
});

const NO_REGION = { AWS_REGION: undefined, AWS_DEFAULT_REGION: undefined };
const NORTH = { regions: ["eu-north-1"], isDone: true };
const OVER_TLS = { addresses: ["https 127.0.0.1 /orders"], isDone: true };
const AT_THE_RECORDER = { addresses: ["http 127.0.0.1 /orders"], isDone: true };
const TWO_CALLS = { calls: 2, isDone: false };
const tls = ({ tlsUrl }: Place): string => tlsUrl;
const none = (): string => "";

export const SETTINGS: Readonly<Record<string, Setting>> = {
  AWS_REGION: {
    env: () => ({ ...NO_REGION, AWS_REGION: "eu-north-1" }),
    effect: NORTH,
    reaches: reaches(true, "It reads AWS_DEFAULT_REGION.", OF_ITS_OWN, "It reads AWS_DEFAULT_REGION.", true, true),
  },
  AWS_DEFAULT_REGION: {
    env: () => ({ ...NO_REGION, AWS_DEFAULT_REGION: "eu-north-1" }),
    effect: NORTH,
    reaches: reaches(true, true, OF_ITS_OWN, true, true, "It reads AWS_REGION."),
  },
  "region in the config file": {
    env: () => NO_REGION,
    config: () => "[default]\n{keys}region = eu-north-1\n",
    effect: NORTH,
    reaches: reaches(true, true, NO_CONFIG_FILE, NO_CONFIG_FILE, true, true),
  },
  "region in the profile of AWS_PROFILE": {
    env: () => ({ ...NO_REGION, AWS_PROFILE: "web" }),
    config: () => "[default]\nregion = us-west-2\n[profile web]\n{keys}region = eu-north-1\n",
    effect: NORTH,
    reaches: reaches(true, true, NO_CONFIG_FILE, NO_CONFIG_FILE, true, true),
  },
  RCLONE_S3_REGION: {
    env: () => ({ RCLONE_S3_REGION: "eu-north-1" }),
    effect: NORTH,
    reaches: only("rclone (Go SDK v1)"),
  },
  AWS_ENDPOINT_URL: {
    env: ({ url }) => ({ AWS_ENDPOINT_URL: url }),
    endpoint: none,
    effect: AT_THE_RECORDER,
    reaches: reaches(AFTER_DEBIAN, AFTER_DEBIAN, OF_ITS_OWN, OF_ITS_OWN, AFTER_DEBIAN, true),
  },
  AWS_ENDPOINT_URL_S3: {
    env: ({ url }) => ({ AWS_ENDPOINT_URL_S3: url }),
    endpoint: none,
    effect: AT_THE_RECORDER,
    reaches: reaches(AFTER_DEBIAN, AFTER_DEBIAN, OF_ITS_OWN, OF_ITS_OWN, AFTER_DEBIAN, true),
  },
  "endpoint_url in the config file": {
    config: ({ url }) => `[default]\n{keys}endpoint_url = ${url}\n`,
    endpoint: none,
    effect: AT_THE_RECORDER,
    reaches: reaches(AFTER_DEBIAN, AFTER_DEBIAN, NO_CONFIG_FILE, NO_CONFIG_FILE, AFTER_DEBIAN, true),
  },
  "services of the profile": {
    config: ({ url }) => `[default]\n{keys}services = own\n[services own]\ns3 =\n  endpoint_url = ${url}\n`,
    endpoint: none,
    effect: AT_THE_RECORDER,
    reaches: reaches(AFTER_DEBIAN, AFTER_DEBIAN, NO_CONFIG_FILE, NO_CONFIG_FILE, AFTER_DEBIAN, true),
  },
  RCLONE_S3_ENDPOINT: {
    env: ({ url }) => ({ RCLONE_S3_ENDPOINT: url }),
    endpoint: none,
    effect: AT_THE_RECORDER,
    reaches: only("rclone (Go SDK v1)"),
  },
  "addressing_style in the config file": {
    env: ({ url }) => ({ HTTP_PROXY: url }),
    config: () => "[default]\n{keys}s3 =\n  addressing_style = path\n",
    endpoint: () => "http://s3.example",
    effect: { addresses: ["http by proxy s3.example /orders"], isDone: true },
    reaches: reaches(true, true, NO_CONFIG_FILE, NO_CONFIG_FILE, GO_IN_CODE, IN_CODE),
  },
  RCLONE_S3_FORCE_PATH_STYLE: {
    env: ({ url }) => ({ HTTP_PROXY: url, RCLONE_S3_FORCE_PATH_STYLE: "false" }),
    endpoint: () => "http://s3.example",
    effect: { addresses: ["http by proxy orders.s3.example /"] },
    reaches: only("rclone (Go SDK v1)"),
  },
  HTTP_PROXY: {
    env: ({ url }) => ({ HTTP_PROXY: url }),
    endpoint: ({ url }) => url.replace("127.0.0.1", "0.0.0.0"),
    effect: { addresses: ["http by proxy 0.0.0.0 /orders"], isDone: true },
    reaches: reaches(true, true, true, true, true, NO_PROXY_OF_ITS_OWN),
  },
  HTTPS_PROXY: {
    env: ({ url, certFile }, client) => ({
      HTTPS_PROXY: url,
      SSL_CERT_FILE: certFile,
      ...(!client.startsWith("rclone") && { AWS_CA_BUNDLE: certFile }),
    }),
    config: () => "[default]\n{keys}s3 =\n  addressing_style = path\n",
    endpoint: () => "https://s3.example",
    effect: { addresses: ["tunnel to s3.example:443", "https s3.example /orders"], isDone: true },
    reaches: reaches(true, true, true, true, true, NO_PROXY_OF_ITS_OWN),
  },
  NO_PROXY: {
    env: ({ url }) => ({ HTTP_PROXY: url, NO_PROXY: "127.0.0.1,0.0.0.0" }),
    endpoint: ({ url }) => url.replace("127.0.0.1", "0.0.0.0"),
    effect: { addresses: ["http 0.0.0.0 /orders"], isDone: true },
    reaches: reaches(true, true, true, true, true, NO_PROXY_OF_ITS_OWN),
  },
  AWS_CA_BUNDLE: {
    env: ({ certFile }) => ({ AWS_CA_BUNDLE: certFile }),
    endpoint: tls,
    effect: OVER_TLS,
    reaches: reaches(true, true, NO_START, OF_ITS_OWN, true, NODE),
  },
  "ca_bundle in the config file": {
    config: ({ certFile }) => `[default]\n{keys}ca_bundle = ${certFile}\n`,
    endpoint: tls,
    effect: OVER_TLS,
    reaches: reaches(true, true, NO_START, NO_CONFIG_FILE, true, NODE),
  },
  SSL_CERT_FILE: {
    env: ({ certFile }) => ({ SSL_CERT_FILE: certFile }),
    endpoint: tls,
    effect: OVER_TLS,
    reaches: reaches(PYTHON, PYTHON, true, true, true, NODE),
  },
  NODE_EXTRA_CA_CERTS: {
    env: ({ certFile }) => ({ NODE_EXTRA_CA_CERTS: certFile }),
    endpoint: tls,
    effect: OVER_TLS,
    reaches: only("the JavaScript SDK"),
  },
  RCLONE_CA_CERT: {
    env: ({ certFile }) => ({ RCLONE_CA_CERT: certFile }),
    endpoint: tls,
    effect: OVER_TLS,
    reaches: only("rclone (Go SDK v1)"),
  },
  AWS_MAX_ATTEMPTS: {
    env: () => ({ AWS_MAX_ATTEMPTS: "2" }),
    isS3Down: true,
    effect: TWO_CALLS,
    reaches: reaches(true, true, OF_ITS_OWN, OF_ITS_OWN, true, true),
  },
  "max_attempts in the config file": {
    config: () => "[default]\n{keys}max_attempts = 2\n",
    isS3Down: true,
    effect: TWO_CALLS,
    reaches: reaches(true, true, NO_CONFIG_FILE, NO_CONFIG_FILE, true, true),
  },
};
