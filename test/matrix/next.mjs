import { spawn } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { makeProject, run } from "./workshop.mjs";

const PACKAGES = ["next@15", "react@19", "react-dom@19"];
const LIMIT_MS = 60_000;
const ROUTE = `import program from "../program.mjs";
export const dynamic = "force-dynamic";
const modules = {
  "@aws-sdk/client-sts": () => import("@aws-sdk/client-sts"),
  "gke-aws-credentials": () => import("gke-aws-credentials"),
  "gke-aws-credentials/testing": () => import("gke-aws-credentials/testing"),
};
export const GET = () =>
  program((name) => modules[name]()).then(() => new Response("all well"), (error) => new Response(error.stack, { status: 500 }));
`;

/** The program in a route of a Next.js application, built with webpack and started. Gives the route's answer. */
export async function nextServer(directory, tarball) {
  const project = await makeProject(join(directory, "next"), [tarball, "@aws-sdk/client-sts", ...PACKAGES]);
  await mkdir(join(project, "app"));
  await writeFile(join(project, "app/route.js"), ROUTE);
  const env = { NEXT_TELEMETRY_DISABLED: "1" };
  const next = join(project, "node_modules/next/dist/bin/next");
  await run(process.execPath, [next, "build"], { cwd: project, env });
  const server = spawn(process.execPath, [next, "start", "--port", "0", "--hostname", "127.0.0.1"], {
    cwd: project,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "inherit"],
    timeout: LIMIT_MS,
  });
  try {
    for await (const line of createInterface(server.stdout)) {
      const address = /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0];
      if (address) return await (await fetch(address, { signal: AbortSignal.timeout(LIMIT_MS) })).text();
    }
    throw new Error("next start has ended without an address");
  } finally {
    server.kill();
  }
}
