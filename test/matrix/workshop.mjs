import { execFile } from "node:child_process";
import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const execute = promisify(execFile);
const LIMIT_MS = 300_000;

/** What a command prints; a failure says the last of it. */
export async function run(file, args, options = {}) {
  const env = { ...process.env, NODE_NO_WARNINGS: "1", AWS_EC2_METADATA_DISABLED: "true", ...options.env };
  try {
    const { stdout } = await execute(file, args, { timeout: LIMIT_MS, maxBuffer: 1e8, ...options, env });
    return stdout;
  } catch (error) {
    const said = `${error.stderr ?? ""}${error.stdout ?? ""}`.trim().split("\n").slice(-20).join("\n");
    throw new Error(said || error.message);
  }
}

/** A project with these packages of npm's, and the program in it. */
export async function makeProject(directory, packages) {
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, "package.json"), '{ "name": "app", "private": true, "type": "module" }');
  await run("npm", ["install", "--no-audit", "--no-fund", "--silent", ...packages], { cwd: directory });
  await copyFile(new URL("program.mjs", import.meta.url), join(directory, "program.mjs"));
  await writeFile(
    join(directory, "esm.mjs"),
    'import program from "./program.mjs";\nawait program((name) => import(name));\n',
  );
  await writeFile(
    join(directory, "cjs.cjs"),
    'const need = async (name) => require(name);\nimport("./program.mjs").then(({ default: program }) => program(need)).catch((error) => { console.error(error); process.exit(1); });\n',
  );
  return directory;
}

/** Runs something, and says in a word how it went. What it printed when it failed goes to stderr. */
export async function outcomeOf(work) {
  try {
    const said = await work();
    if (said === undefined || said.includes("all well")) return "passes";
    console.error(said.trim().slice(-1_000));
  } catch (error) {
    console.error(error.message.slice(-1_000));
  }
  return "fails";
}

/** The same for what Node's permission model must refuse. */
export async function refusalOf(work) {
  try {
    await work();
  } catch (error) {
    if (/ERR_ACCESS_DENIED/.test(error.message)) return "refused, as it must be";
    console.error(error.message.slice(-1_000));
  }
  return "fails: not refused";
}
