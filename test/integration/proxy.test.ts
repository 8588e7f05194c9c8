import { describe, expect, it, vi } from "vitest";
import { describeWorkload } from "../../src/token/workload.js";
import { startAnsweringServer } from "../support/answering-server.js";
import { provide } from "../support/provide.js";
import { startTwoClouds } from "../support/two-clouds.js";

const PROXIES = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/** A proxy on another Google machine: it answers everything as its own metadata server would. */
async function startProxy() {
  let connections = 0;
  const proxy = await startAnsweringServer((_, response) =>
    response.writeHead(200, { "Metadata-Flavor": "Google" }).end("e30.e30.x"),
  );
  proxy.server.on("connection", () => {
    connections += 1;
  });
  proxy.server.on("connect", (_, socket) => socket.end("HTTP/1.1 200 OK\r\n\r\n"));
  return { ...proxy, url: `http://${proxy.host}`, seen: () => connections };
}

describe("a proxy in the environment", () => {
  it.each([
    ...PROXIES.map((name) => ({ names: [name], NO_PROXY: undefined })),
    ...["*", "169.254.0.0/16"].map((NO_PROXY) => ({ names: PROXIES, NO_PROXY })),
  ])(
    "sees no request, and STS gets the pod's own token, when it is in $names and NO_PROXY is $NO_PROXY",
    async ({ names, NO_PROXY }) => {
      await using clouds = await startTwoClouds();
      await using proxy = await startProxy();
      for (const name of names) vi.stubEnv(name, proxy.url);
      vi.stubEnv("NO_PROXY", NO_PROXY);
      await expect(provide()()).resolves.toBeDefined();
      await describeWorkload(5_000);
      expect(proxy.seen()).toBe(0);
      // STS verifies the signature with this metadata server's keys, and the pod's account by the role's trust policy.
      expect(clouds.metadata.issuedTokens).toHaveLength(1);
      expect(clouds.sts.requests).toEqual([expect.objectContaining({ error: undefined })]);
    },
  );
});
