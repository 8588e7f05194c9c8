import { describe, expect, inject, it } from "vitest";
import { ADMINISTRATOR } from "../e2e/rgw/trusted-role.js";
import { CLIENT_NAMES, type ClientName } from "./clients.js";
import { CLI, type Pod, ROLE_ARN, runEach, startPod, type Use } from "./pod.js";
import type { Call } from "./recorder.js";
import { type Effect, type Place, SETTINGS } from "./settings.js";

const { accessKeyId, secretAccessKey } = ADMINISTRATOR;
const KEYS = `aws_access_key_id = ${accessKeyId}\naws_secret_access_key = ${secretAccessKey}\n`;
const FOREIGN = "aws_access_key_id = AKIDFOREIGN\naws_secret_access_key = x\ncredential_process = /bin/false\n";
const RCLONE = "rclone (Go SDK v1)";
const EXEC = [...CLI, "exec", "--role-arn", ROLE_ARN, "--"];

const placeOf = ({ recorder: { url, tlsUrl } }: Pod): Place => ({ url, tlsUrl, certFile: inject("tls").certFile });

/** Runs one client, and sees what its calls were. */
async function effectOf(pod: Pod, client: ClientName, use: Use): Promise<Effect> {
  const { s3, tunnels } = pod.recorder;
  const [callsBefore, tunnelsBefore] = [s3.length, tunnels.length];
  const { [client]: end } = await runEach([client], use);
  const calls = s3.slice(callsBefore);
  const addresses = [...tunnels.slice(tunnelsBefore).map((host) => `tunnel to ${host}`), ...calls.map(addressOf)];
  return {
    regions: [...new Set(calls.map(({ region }) => region))],
    addresses: [...new Set(addresses)],
    calls: calls.length,
    isDone: end === "done",
  };
}

/** A proxy is asked for a whole URL. */
function addressOf({ url, host, tls }: Call): string {
  const { hostname, pathname } = new URL(url, `http://${host}`);
  return `${tls ? "https" : "http"}${url.startsWith("/") ? "" : " by proxy"} ${hostname} /${pathname.split("/")[1]}`;
}

describe.each(Object.entries(SETTINGS))("%s", (_, setting) => {
  const { env, config, endpoint, isS3Down = false, effect, reaches } = setting;

  it.each(CLIENT_NAMES.filter((client) => reaches[client] === true))(
    "does to %s under exec what it does without exec",
    async (client) => {
      await using pod = await startPod({ isS3Down });
      const place = placeOf(pod);
      const use = { endpoint: (endpoint ?? (({ url }: Place) => url))(place) };
      const text = config?.(place) ?? "";
      await pod.write(".aws/config", text.replace("{keys}", KEYS));
      const ofKeys = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };
      const alone = await effectOf(pod, client, {
        ...use,
        env: { ...pod.clientEnv, ...ofKeys, ...env?.(place, client) },
      });
      await pod.write(".aws/config", text.replace("{keys}", FOREIGN));
      const underExec = await effectOf(pod, client, {
        ...use,
        env: { ...pod.env, ...env?.(place, client) },
        prefix: EXEC,
      });
      expect(alone).toMatchObject(effect);
      expect(underExec).toEqual(alone);
      expect(pod.recorder.sessions).toHaveLength(1);
    },
  );
});

describe("a region that only exec knows how to find", () => {
  it("reaches every client that has no setting of its own for it", async () => {
    await using pod = await startPod();
    await pod.write(".aws/config", "[default]\nregion = eu-north-1\n");
    const env = { ...pod.env, AWS_REGION: undefined, AWS_DEFAULT_REGION: undefined };
    const clients = CLIENT_NAMES.filter((client) => !client.startsWith("rclone"));
    for (const client of clients) {
      const { regions } = await effectOf(pod, client, { env, prefix: EXEC, endpoint: pod.recorder.url });
      expect([client, regions]).toEqual([client, ["eu-north-1"]]);
    }
  });
});

// As docs/how-to/other-programs.md says.
describe.each(["AWS_CA_BUNDLE", "ca_bundle in the config file"])("%s", (name) => {
  it("keeps rclone from starting", async () => {
    await using pod = await startPod();
    const place = placeOf(pod);
    await pod.write(".aws/config", (SETTINGS[name]?.config?.(place) ?? "").replace("{keys}", ""));
    const env = { ...pod.env, ...SETTINGS[name]?.env?.(place, RCLONE) };
    const { [RCLONE]: end } = await runEach([RCLONE], { env, prefix: EXEC, endpoint: pod.recorder.tlsUrl });
    expect(end).toContain("HTTPClient's transport unsupported type");
  });
});

describe.each(["AWS_ENDPOINT_URL", "endpoint_url in the config file", "services of the profile"])("%s", (name) => {
  it.each(["the AWS CLI", "boto3", "the Go SDK v2"] as const)("does nothing to %s of Debian 12", async (client) => {
    await using pod = await startPod();
    const place = placeOf(pod);
    await pod.write(".aws/config", (SETTINGS[name]?.config?.(place) ?? "").replace("{keys}", ""));
    const env = { ...pod.env, ...SETTINGS[name]?.env?.(place, client), AWS_MAX_ATTEMPTS: "1" };
    const { addresses } = await effectOf(pod, client, { env, prefix: EXEC });
    expect(addresses).toEqual([expect.stringMatching(/^tunnel to (orders\.)?s3\.eu-west-3\.amazonaws\.com:443$/)]);
  });
});
