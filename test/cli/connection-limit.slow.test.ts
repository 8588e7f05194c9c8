import { spawn } from "node:child_process";
import { chmod, chown, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, it, vi } from "vitest";
import { residentMb, startCommand, startProgram } from "../support/run-node.js";
import { ask, startedServe } from "../support/serve-client.js";
import { startTwoClouds } from "../support/two-clouds.js";

const SOCKETS = 1_300;
const FOR_MS = 6_000;
const REGION = ["--region", "us-east-1"];

/** Clients without the token that ask, wait for the answer or hang up at once, and connect again. */
const CLIENTS = `
const { connect } = require("node:net");
const [port, ends] = [Number(process.argv[1]), process.argv[2]];
let connections = 0;
const open = () => {
  const socket = connect(port, "127.0.0.1", () => {
    connections += 1;
    if (connections === 1500) console.log("busy");
    socket.write("GET / HTTP/1.1\\r\\nHost: 127.0.0.1:" + port + "\\r\\n\\r\\n");
    if (ends === "hang up") setTimeout(() => socket.destroy(), 2);
  });
  socket.on("data", () => {}).on("error", () => {}).on("close", () => setImmediate(open));
};
for (let count = 0; count < ${SOCKETS}; count += 1) open();
`;

/** What a client with the token gets beside many without it: its waiting times, sorted, and the memory of the server. */
async function serveBeside(ends: "wait" | "hang up") {
  await using _ = await startTwoClouds();
  await using serve = startCommand(["serve", ...REGION, "--print-token"], { limitMs: 60_000 });
  const { uris, token = "" } = await startedServe(serve);
  await ask(uris[0]!, token);
  await using clients = startProgram(["-e", CLIENTS, new URL(uris[0]!).port, ends], { limitMs: 60_000 });
  const times: number[] = [];
  const sizes: number[] = [];
  // Until they have connected often: that takes longer on a busy machine.
  const end = performance.now() + FOR_MS;
  while (performance.now() < end || !clients.stdout().includes("busy")) {
    const start = performance.now();
    // Over a connection of its own.
    const headers = { Authorization: token, Connection: "close" };
    expect((await fetch(uris[0]!, { headers })).status).toBe(200);
    times.push(performance.now() - start);
    sizes.push(residentMb(serve));
    await new Promise((next) => setTimeout(next, 50));
  }
  return { times: times.sort((a, b) => a - b), sizes };
}

it(`answers a client with the token within tens of milliseconds beside ${SOCKETS} that wait without it`, async () => {
  const { times } = await serveBeside("wait");
  expect(times[Math.floor(times.length / 2)]).toBeLessThan(100);
}, 60_000);

it(`keeps its memory when ${SOCKETS} clients without the token ask and hang up at once`, async () => {
  const { sizes } = await serveBeside("hang up");
  expect(Math.max(...sizes)).toBeLessThan(140);
}, 60_000);

const OWNER = 61_001;
const [MEMBER, OTHER_MEMBER, OTHER] = [61_002, 61_003, 61_004];
const GROUP = 62_000;

/** What a program of that user and group gets: the status of the server's answer, or why it could not ask. */
const askAs = (user: number, group: number, uri: string, file: string): Promise<string> =>
  new Promise((done) => {
    const program = `
      let token;
      try { token = require("node:fs").readFileSync(process.argv[2], "utf8"); } catch (error) { console.log(error.code); }
      if (token) fetch(process.argv[1], { headers: { Authorization: token } }).then((answer) => console.log(answer.status));`;
    const child = spawn(process.execPath, ["-e", program, uri, file], { uid: user, gid: group });
    let stdout = "";
    child.stdout.on("data", (chunk) => {
      stdout += chunk;
    });
    child.once("close", () => done(stdout.trim()));
  });

it.runIf(process.getuid?.() === 0)("serves users of the file's group, and nobody outside of it", async () => {
  await using _ = await startTwoClouds();
  // As Kubernetes makes a volume of a pod with fsGroup: new files get its group.
  const volume = await mkdtemp(join(tmpdir(), "volume-"));
  await chown(volume, 0, GROUP);
  await chmod(volume, 0o2775);
  const file = join(volume, "authorization");
  const flags = [...REGION, "--token-file", file, "--file-mode", "640"];
  const child = spawn(process.execPath, [resolve("dist/cli.cjs"), "serve", ...flags], {
    uid: OWNER,
    gid: GROUP,
    cwd: "/",
    env: process.env,
  });
  const ended = new Promise((done) => child.once("close", done));
  let stdout = "";
  child.stdout.on("data", (chunk) => {
    stdout += chunk;
  });
  await vi.waitFor(() => expect(stdout).toContain(file), { timeout: 10_000 });
  const uri = /FULL_URI=(.*)/.exec(stdout)?.[1] ?? "";
  expect(await askAs(MEMBER, GROUP, uri, file)).toBe("200");
  expect(await askAs(OTHER_MEMBER, GROUP, uri, file)).toBe("200");
  expect(await askAs(OTHER, OTHER, uri, file)).toBe("EACCES");
  child.kill("SIGTERM");
  await ended;
  await rm(volume, { recursive: true });
});
