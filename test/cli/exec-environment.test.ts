import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { devNull, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createExecEnvironment as create } from "../../src/cli/exec-environment.js";

const SESSION = { uri: "http://127.0.0.1:1/", authorization: "secret", region: "eu-west-1" };
const OWN = {
  AWS_CONTAINER_CREDENTIALS_FULL_URI: "http://127.0.0.1:1/",
  AWS_CONTAINER_AUTHORIZATION_TOKEN: "secret",
  AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: expect.stringContaining("/gke-aws-credentials-"),
  AWS_REGION: "eu-west-1",
  AWS_DEFAULT_REGION: "eu-west-1",
  AWS_EC2_METADATA_DISABLED: "true",
  BOTO_CONFIG: devNull,
  MINIO_SHARED_CREDENTIALS_FILE: devNull,
};

let home: string;
let made: Awaited<ReturnType<typeof create>> | undefined;
const createExecEnvironment = async (...args: Parameters<typeof create>) => {
  made = await create(...args);
  return made;
};
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "home-"));
  await mkdir(join(home, ".aws"));
});
afterEach(async () => {
  made?.removeFiles();
  await rm(home, { recursive: true });
});

const put = (name: string, text: string) => writeFile(join(home, ".aws", name), text);

describe("the environment of exec's command", () => {
  it("has the token in a file too, which is gone at the end", async () => {
    const { env, removeFiles } = await createExecEnvironment(SESSION, { HOME: home });
    const path = env.AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE!;
    expect(await readFile(path, "utf8")).toBe("secret");
    removeFiles();
    await expect(readFile(path)).rejects.toThrow("ENOENT");
  });

  it.each([
    "AWS_ACCESS_KEY_ID",
    "AWS_ACCESS_KEY",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SECRET_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_CREDENTIAL_FILE",
    "AWS_CREDENTIAL_PROFILES_FILE",
    "AWS_BEARER_TOKEN_BEDROCK",
    "AWS_BEARER_TOKEN_NEXT_SERVICE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "BOTO_PATH",
    "MINIO_ACCESS_KEY",
    "MINIO_ROOT_PASSWORD",
    "RCLONE_S3_ACCESS_KEY_ID",
    "RCLONE_S3_PROFILE",
  ])("does not have %s", async (name) => {
    const { env } = await createExecEnvironment(SESSION, { HOME: home, [name]: "old" });
    const files = { AWS_CONFIG_FILE: devNull, AWS_SHARED_CREDENTIALS_FILE: devNull };
    expect(env).toEqual({ HOME: home, ...OWN, ...files });
  });

  it.each([
    "AWS_CA_BUNDLE",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_MAX_ATTEMPTS",
    "AWS_RETRY_MODE",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_SDK_LOAD_CONFIG",
    "AWS_PAGER",
    "HTTPS_PROXY",
    "NO_PROXY",
    "RCLONE_S3_PROVIDER",
    "PATH",
  ])("keeps %s", async (name) => {
    const { env } = await createExecEnvironment(SESSION, { HOME: home, [name]: "kept" });
    expect(env[name]).toBe("kept");
  });

  it("names the very files where they hold no credentials", async () => {
    await put("config", "[default]\nregion = eu-west-3\n");
    await put("credentials", "[default]\noutput = json\n");
    const { env } = await createExecEnvironment(SESSION, { HOME: home });
    expect([env.AWS_CONFIG_FILE, env.AWS_SHARED_CREDENTIALS_FILE]).toEqual([
      join(home, ".aws", "config"),
      join(home, ".aws", "credentials"),
    ]);
  });

  it("names copies without credentials, which are gone when they are closed", async () => {
    await put("config", "[profile web]\nregion = eu-west-3\nrole_arn = arn:aws:iam::1:role/x\n");
    await put("credentials", "[default]\naws_access_key_id = AKID\n");
    const { env, removeFiles } = await createExecEnvironment(SESSION, { HOME: home, AWS_PROFILE: "web" });
    expect(env.AWS_PROFILE).toBe("web");
    expect(await readFile(env.AWS_CONFIG_FILE!, "utf8")).toBe("[profile web]\nregion = eu-west-3\n");
    expect(await readFile(env.AWS_SHARED_CREDENTIALS_FILE!, "utf8")).toBe("[default]\n");
    // A second reader starts at the beginning too.
    expect(await readFile(env.AWS_CONFIG_FILE!, "utf8")).toContain("web");
    removeFiles();
    await expect(readFile(env.AWS_CONFIG_FILE!)).rejects.toThrow();
  });

  it("takes the files from where their variables say, and a leading ~ as the home", async () => {
    await writeFile(join(home, "own"), "[default]\nsso_session = x\noutput = text\n");
    const environment = { HOME: home, AWS_CONFIG_FILE: "~/own", AWS_SHARED_CREDENTIALS_FILE: join(home, "nothing") };
    const { env, removeFiles } = await createExecEnvironment(SESSION, environment);
    expect(await readFile(env.AWS_CONFIG_FILE!, "utf8")).toBe("[default]\noutput = text\n");
    expect(env.AWS_SHARED_CREDENTIALS_FILE).toBe(devNull);
    removeFiles();
  });

  it("refuses a Java option that no variable can hide", async () => {
    const env = { HOME: home, JAVA_TOOL_OPTIONS: "-Xmx1g -Daws.accessKeyId=AKID" };
    await expect(createExecEnvironment(SESSION, env)).rejects.toThrow(
      /^JAVA_TOOL_OPTIONS sets -Daws\.accessKeyId, .* Remove it from JAVA_TOOL_OPTIONS\.$/,
    );
  });
});
