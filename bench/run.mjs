// Runs the measurements, each in a process of its own, and writes bench/RESULTS.md. Names as arguments run only those.
// JANUS_ARTICLE is the path of a page that shows janus.py; without it, that measurement is left out.
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { cpus, totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const ALL = [
  "calls-a-day",
  "refresh-latency",
  "last-minute",
  "outage",
  "token-file",
  "hot-path",
  "start-up",
  "cold-start",
  "fleet",
];
if (process.env.JANUS_ARTICLE) ALL.push("janus");
const LIMIT_MS = 300_000;

const names = process.argv.length > 2 ? process.argv.slice(2) : ALL;
const sections = [];
for (const name of names) {
  const program = `const {default:measure}=await import("./measurements/${name}.mjs");console.log("RESULT "+JSON.stringify(await measure()));process.exit(0)`;
  const args = ["--expose-gc", "--no-warnings", "--input-type=module", "-e", program];
  const { stdout } = await run(process.execPath, args, {
    cwd: import.meta.dirname,
    timeout: LIMIT_MS,
    env: environment(),
  });
  const line = stdout.split("\n").find((text) => text.startsWith("RESULT "));
  if (!line) throw new Error(`${name} gave no result: ${stdout}`);
  const written = [JSON.parse(line.slice("RESULT ".length))].flat().map(toMarkdown);
  console.log(written.join("\n"));
  sections.push(...written);
}
if (names === ALL) {
  const file = fileURLToPath(new URL("RESULTS.md", import.meta.url));
  await writeFile(file, await page(sections));
  await run("npx", ["biome", "format", "--write", file]);
}

/** Nothing of this machine's own clouds. */
function environment() {
  const kept = Object.entries(process.env).filter(([name]) => !/^(AWS|GCE|GOOGLE|KUBERNETES)_/.test(name));
  return { ...Object.fromEntries(kept), AWS_EC2_METADATA_DISABLED: "true", NODE_NO_WARNINGS: "1" };
}

function toMarkdown({ title, columns, rows, note }) {
  const line = (cells) => `| ${cells.join(" | ")} |`;
  const table = [line(columns), line(columns.map(() => "---")), ...rows.map(line)].join("\n");
  return `## ${title}\n\n${table}\n${note ? `\n${note}\n` : ""}`;
}

async function page(parts) {
  const versionOf = async (name) =>
    JSON.parse(await readFile(new URL(`../node_modules/${name}/package.json`, import.meta.url), "utf8")).version;
  const versions = await Promise.all(
    ["@aws-sdk/client-sts", "@aws-sdk/credential-providers", "google-auth-library"].map(
      async (name) => `${name} ${await versionOf(name)}`,
    ),
  );
  const machine = `${cpus().length} cores (${cpus()[0]?.model.trim()}), ${Math.round(totalmem() / 2 ** 30)} GB, ${process.platform} ${process.arch}`;
  return `# Benchmarks\n\nWritten by \`npm run bench\` on ${new Date().toISOString().slice(0, 10)}. Node ${process.version}, ${versions.join(", ")}. ${machine}.\nEach table compares within one run; absolute times are this machine's.\n\n${parts.join("\n")}`;
}
