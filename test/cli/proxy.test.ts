import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { createProxyHandler, proxyFor } from "../../src/cli/proxy.js";
import { cli } from "../support/cli.js";
import { startTwoClouds } from "../support/two-clouds.js";

const STS = new URL("https://sts.us-east-1.amazonaws.com/");

beforeEach(() => {
  for (const name of ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy"])
    vi.stubEnv(name, undefined);
});

describe("the proxy for a URL", () => {
  it.each([
    ["HTTPS_PROXY", "http://proxy.example:3128", "http://proxy.example:3128/"],
    ["https_proxy", "http://user:secret@proxy.example:3128", "http://user:secret@proxy.example:3128/"],
    ["HTTPS_PROXY", "https://proxy.example", "https://proxy.example/"],
    ["HTTPS_PROXY", "proxy.example:3128", "http://proxy.example:3128/"],
    ["HTTP_PROXY", "http://proxy.example:3128", undefined],
  ])("by %s %s is %s", async (name, value, expected) => {
    vi.stubEnv(name, value);
    expect([proxyFor(STS)?.href, await createProxyHandler()]).toEqual([expected, expect.anything()]);
  });

  it("is that of lower case before that of upper case, and that of HTTP_PROXY for plain HTTP", () => {
    vi.stubEnv("HTTPS_PROXY", "http://upper.example");
    vi.stubEnv("https_proxy", "http://lower.example");
    vi.stubEnv("HTTP_PROXY", "http://plain.example");
    expect(proxyFor(STS)?.host).toBe("lower.example");
    expect(proxyFor(new URL("http://sts.example/"))?.host).toBe("plain.example");
  });

  it.each([
    ["*", false],
    ["amazonaws.com", false],
    [".amazonaws.com", false],
    ["*.amazonaws.com", false],
    ["localhost, STS.us-east-1.amazonaws.com", false],
    ["localhost sts.us-east-1.amazonaws.com:443", false],
    ["amazonaws.com:443", false],
    ["sts.us-east-1.amazonaws.com:8443", true],
    ["ts.us-east-1.amazonaws.com", true],
    ["sts.eu-west-1.amazonaws.com", true],
    ["", true],
  ])("is used or not used with NO_PROXY %j: %s", (value, isUsed) => {
    vi.stubEnv("HTTPS_PROXY", "http://proxy.example");
    vi.stubEnv("NO_PROXY", value);
    expect(proxyFor(STS) !== undefined).toBe(isUsed);
  });

  it.each(["socks5://proxy.example:1080", "http://", "a b:secret"])(
    "is refused by its variable's name: %s",
    (value) => {
      vi.stubEnv("HTTPS_PROXY", value);
      expect(() => proxyFor(STS)).toThrow(/^HTTPS_PROXY is not the URL of an HTTP proxy/);
      expect(() => proxyFor(STS)).not.toThrow("secret");
    },
  );

  it("is none where no variable names one", async () => {
    expect([proxyFor(STS), await createProxyHandler()]).toEqual([undefined, undefined]);
  });
});

/** A proxy that lets CONNECT through to a port of loopback, and notes what it was asked. */
async function startProxy() {
  const asked: string[] = [];
  const server = createServer((_, response) => response.writeHead(400).end());
  server.on("connect", ({ url = "", headers }, socket) => {
    asked.push(`${url} ${headers["proxy-authorization"] ?? ""}`.trim());
    const target = connect(Number(url.split(":")[1]), "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      target.pipe(socket).pipe(target);
    });
    for (const end of [socket, target]) end.on("error", () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const close = async (): Promise<void> => {
    server.close();
    server.closeAllConnections();
  };
  return { asked, host: `127.0.0.1:${port}`, [Symbol.asyncDispose]: close };
}

describe("the commands behind a proxy", () => {
  it("ask STS through it, and the metadata server never", async () => {
    await using clouds = await startTwoClouds();
    await using proxy = await startProxy();
    const env = { HTTP_PROXY: `http://user:secret@${proxy.host}`, HTTPS_PROXY: `http://${proxy.host}` };
    const { code, stdout, stderr } = await cli(["credential-process", "--region", "us-east-1"], env);
    expect([code, stderr, JSON.parse(stdout).Version]).toEqual([0, "", 1]);
    expect(proxy.asked).toEqual([`${new URL(clouds.sts.url).host} Basic dXNlcjpzZWNyZXQ=`]);
  });

  it("ask STS without it when NO_PROXY names its host", async () => {
    await using _ = await startTwoClouds();
    await using proxy = await startProxy();
    const env = { HTTP_PROXY: `http://${proxy.host}`, NO_PROXY: "127.0.0.1" };
    expect((await cli(["credential-process", "--region", "us-east-1"], env)).code).toBe(0);
    expect(proxy.asked).toEqual([]);
  });

  it("say in doctor which proxy was used, without its password", async () => {
    await using _ = await startTwoClouds();
    await using proxy = await startProxy();
    const env = { HTTP_PROXY: `http://user:secret@${proxy.host}` };
    const text = await cli(["doctor", "--region", "us-east-1"], env);
    expect(text.stdout).toMatch(
      new RegExp(`✓ STS endpoint .*127\\.0\\.0\\.1:\\d+, region us-east-1, proxy http://${proxy.host}\n`),
    );
    const { steps } = JSON.parse((await cli(["doctor", "--region", "us-east-1", "--json"], env)).stdout);
    expect(steps[5].detail).toContain(`proxy http://${proxy.host}`);
    expect(JSON.stringify([text, steps])).not.toContain("secret");
  });

  it("fail by the variable's name when it is not the URL of a proxy", async () => {
    await using _ = await startTwoClouds();
    const { code, stderr } = await cli(["credential-process"], { HTTPS_PROXY: "socks5://proxy.example" });
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^gke-aws-credentials: HTTPS_PROXY is not the URL/)]);
  });
});
