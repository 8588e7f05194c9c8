import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { runCommand, startCommand } from "../support/run-node.js";
import { startTwoClouds } from "../support/two-clouds.js";
import { useDirectory } from "../support/use-directory.js";

const path = useDirectory();
const REGION = ["--region", "us-east-1"];

/** Tells at the end which files were loaded, and the directory of Node's compile cache (Node 22 and newer). */
const TELL_LOADED = `process.on("exit", () => console.error("LOADED " + JSON.stringify({
  files: Object.keys(require.cache).filter((file) => file !== __filename),
  cache: require("node:module").getCompileCacheDir?.(),
  isStarter: process.moduleLoadList.includes("NativeModule child_process"),
})));`;

describe("the built command", () => {
  it("writes nothing below TMPDIR and HOME, and loads its own files and no cache, when it is not told to", async () => {
    await using _ = await startTwoClouds();
    writeFileSync(path("hook.cjs"), TELL_LOADED);
    const places = { TMPDIR: path("root/tmp"), HOME: path("root/home") };
    for (const place of Object.values(places)) mkdirSync(place, { recursive: true });
    const env = { ...places, AWS_REGION: "us-east-1", NODE_OPTIONS: `--require ${path("hook.cjs")}` };
    for (const command of [
      "credential-process",
      "token",
      "doctor",
      "trust-policy",
      "exec -- true",
      "exec --help",
      "--help",
    ]) {
      const { code, stderr } = await runCommand(command.split(" "), { env });
      const [said, loaded = ""] = stderr.split("LOADED ");
      const { files, cache, isStarter } = JSON.parse(loaded);
      const foreign = files.filter((file: string) => !file.startsWith(resolve("dist")));
      expect([command, code, said, cache, foreign]).toEqual([command, 0, "", undefined, []]);
      expect(files).toContain(resolve("dist/cli.cjs"));
      // What one command needs is loaded for that command alone.
      if (command !== "--help") expect([command, isStarter]).toEqual([command, command.startsWith("exec")]);
    }
    await using serve = startCommand(["serve", "--print-token"], { env });
    await vi.waitFor(() => expect(serve.stdout()).toContain("AWS_CONTAINER_AUTHORIZATION_TOKEN"), { timeout: 10_000 });
    serve.child.kill("SIGTERM");
    await serve.done;
    expect(readdirSync(path("root"), { recursive: true }).sort()).toEqual(["home", "tmp"]);
  });

  it("exits with 2 when it is used wrongly", async () => {
    expect(await runCommand(["credential-process", "not-an-arn"])).toMatchObject({ code: 2, stdout: "" });
  });

  it("takes less than two seconds for doctor, start-up included", async () => {
    await using _ = await startTwoClouds();
    const { code, durationMs } = await runCommand(["doctor", ...REGION]);
    expect(code).toBe(0);
    expect(durationMs).toBeLessThan(2_000);
  });
});

const GOOGLE = { GOOGLE_SDK_NODE_LOGGING: "*", GOOGLE_SDK_LOG_LEVEL: "debug", DEBUG: "*", DEBUG_AUTH: "1" };
/** With `http` and `net`, Node prints the headers of each request. The one that doctor signs has the session token in them. */
const LIBRARIES = "gaxios,gcp-metadata,google,https,fetch,undici";

describe("the command, under debug variables", () => {
  it.each([
    { command: "doctor", env: GOOGLE },
    { command: "doctor", env: { NODE_DEBUG: LIBRARIES } },
    { command: "credential-process", env: GOOGLE },
    { command: "credential-process", env: { NODE_DEBUG: `http,net,${LIBRARIES}` } },
  ])("shows no token and no key when $command runs with $env", async ({ command, env }) => {
    await using clouds = await startTwoClouds();
    const { code, stdout, stderr } = await runCommand([command, ...REGION], { env });
    expect([code, stderr.includes("eyJ")]).toEqual([0, false]);
    const shown = stderr + (command === "doctor" ? stdout : Object.keys(JSON.parse(stdout)).join());
    const parts = clouds.metadata.issuedTokens.flatMap((token) => token.split("."));
    expect(parts.length).toBeGreaterThan(2);
    expect([...parts, ...clouds.sts.issuedSecrets()].filter((secret) => shown.includes(secret))).toEqual([]);
  });

  it("shows no password of a proxy", async () => {
    await using clouds = await startTwoClouds();
    const env = { ...GOOGLE, HTTP_PROXY: "http://user:hunter2@127.0.0.1:9" };
    const { stderr } = await runCommand(["doctor", ...REGION], { env });
    // The package for proxies did write there.
    expect([stderr.includes("https-proxy-agent"), stderr.includes("hunter2")]).toEqual([true, false]);
    expect(clouds.sts.requests).toEqual([]);
  });
});
