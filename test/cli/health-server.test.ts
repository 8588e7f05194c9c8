import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startHealthServer } from "../../src/cli/health-server.js";
import type { FreshRole } from "../../src/cli/serve-roles.js";

const HOUR_MS = 3_600_000;

let ends: Record<string, number>;
let port: number;
let close: () => void;

const roleOf = (path: string): FreshRole => ({
  session: () => Promise.reject(new Error("nobody asks for it")),
  endsAt: () => ends[path] ?? 0,
  history: {
    failuresInARow: 2,
    succeeded: { count: 3, sum: 1.5 },
    failed: { count: 4, sum: 0.25 },
  },
  refreshNow: () => {},
});

beforeEach(async () => {
  ends = { "/": Date.now() + HOUR_MS, "/roles/reader": Date.now() + HOUR_MS };
  ({ port, close } = await startHealthServer(new Map(Object.keys(ends).map((path) => [path, roleOf(path)])), 0));
});
afterEach(() => close());

const get = (path: string, init?: RequestInit) => fetch(`http://127.0.0.1:${port}${path}`, init);

describe("the health server", () => {
  it("answers 200 at /healthz when there is a session for every role, else 503, and gives no session", async () => {
    const healthy = await get("/healthz");
    expect([healthy.status, await healthy.json()]).toEqual([200, { status: "ok" }]);
    ends["/roles/reader"] = 0;
    const unhealthy = await get("/healthz");
    expect([unhealthy.status, await unhealthy.text()]).toEqual([503, expect.stringContaining("Unavailable")]);
  });

  it("listens on every address, serves no other path, and refuses methods other than GET", async () => {
    expect((await fetch(`http://127.0.0.2:${port}/healthz`)).status).toBe(200);
    for (const path of ["/", "/roles/reader", "/metrics/", "/healthz?x"])
      expect([path, (await get(path)).status]).toEqual([path, 404]);
    expect((await get("/healthz", { method: "POST", body: "x" })).status).toBe(405);
  });

  it("gives its metrics in the text format of Prometheus", async () => {
    ends["/roles/reader"] = 0;
    const answer = await get("/metrics");
    expect(answer.headers.get("content-type")).toBe("text/plain; version=0.0.4");
    const text = await answer.text();
    const lines = text.trimEnd().split("\n");
    for (const line of lines)
      expect(line).toMatch(
        /^(# TYPE gke_aws_credentials_\w+ (gauge|summary)|gke_aws_credentials_\w+\{(\w+="[^"]*",?)+\} -?\d+(\.\d+)?)$/,
      );
    const values = lines.filter((line) => !line.startsWith("#") && !line.includes("remaining"));
    const both = (line: string) => ['"/"', '"/roles/reader"'].map((role) => line.replace("?", role));
    expect(values.map((line) => line.replace(/^gke_aws_credentials_/, ""))).toEqual([
      'session_live{role="/"} 1',
      'session_live{role="/roles/reader"} 0',
      ...both("refresh_failures_in_a_row{role=?} 2"),
      ...both('refresh_duration_seconds_count{role=?,outcome="succeeded"} 3'),
      ...both('refresh_duration_seconds_sum{role=?,outcome="succeeded"} 1.5'),
      ...both('refresh_duration_seconds_count{role=?,outcome="failed"} 4'),
      ...both('refresh_duration_seconds_sum{role=?,outcome="failed"} 0.25'),
    ]);
    const left = Number(/remaining_seconds\{role="\/"\} ([\d.]+)/.exec(text)?.[1]);
    expect(left).toBeGreaterThan(3_590);
    expect(text).toContain('gke_aws_credentials_session_remaining_seconds{role="/roles/reader"} 0\n');
  });

  it("says which port is taken, and which option names another one", async () => {
    await expect(startHealthServer(new Map(), port)).rejects.toThrow(
      `port ${port} is in use: choose another one with --health-port`,
    );
  });
});
