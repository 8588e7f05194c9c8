import { stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { nextServer } from "./next.mjs";
import { makeProject, outcomeOf, run } from "./workshop.mjs";

const PACKAGES = [
  "esbuild@0.27",
  "rollup@4",
  "@rollup/plugin-node-resolve@16",
  "@rollup/plugin-commonjs@29",
  "@rollup/plugin-json@6",
];
const ENTRY = `import program from "./program.mjs";
const modules = {
  "@aws-sdk/client-sts": () => import("@aws-sdk/client-sts"),
  "gke-aws-credentials": () => import("gke-aws-credentials"),
  "gke-aws-credentials/testing": () => import("gke-aws-credentials/testing"),
};
program((name) => modules[name]()).catch((error) => { console.error(error); process.exit(1); });
`;
/** The newest, and two that applications are still built with. */
const WEBPACKS = ["5", "5.99", "5.89"];
/** An application alone, for its size: the package and nothing of the tests. */
const APP = `import { fromGkeWorkloadIdentity } from "gke-aws-credentials";
globalThis.credentials = fromGkeWorkloadIdentity();
`;

const esbuild = (entry, out, ...more) => [
  "esbuild",
  [
    entry,
    "--bundle",
    "--platform=node",
    "--log-level=error",
    `--out${more.includes("--splitting") ? "dir" : "file"}=${out}`,
    ...more,
  ],
];
const webpackConfig = (entry, path, libraryType) => `import { resolve } from "node:path";
export default {
  mode: "production", target: "node20", entry: "./${entry}", devtool: false,
  ${libraryType === "module" ? 'experiments: { outputModule: true }, output: { module: true, chunkFormat: "module",' : "output: {"} path: resolve("${path}"), filename: "main.${libraryType === "module" ? "mjs" : "cjs"}", chunkFilename: "[name].${libraryType === "module" ? "mjs" : "cjs"}" },
};
`;
const ROLLUP = `import commonjs from "@rollup/plugin-commonjs";
import json from "@rollup/plugin-json";
import { nodeResolve } from "@rollup/plugin-node-resolve";
export default ({ configEntry, configOut }) => ({
  input: configEntry, onwarn: () => {},
  output: { dir: configOut, format: "es", entryFileNames: "main.mjs" },
  plugins: [nodeResolve({ preferBuiltins: true, exportConditions: ["node"] }), commonjs(), json()],
});
`;

/** Both kinds of bundles of one version of webpack. */
async function webpacks(directory, tarball, version) {
  const project = await makeProject(join(directory, `webpack-${version}`), [
    tarball,
    `webpack@${version}`,
    "webpack-cli@6",
  ]);
  await writeFile(join(project, "entry.mjs"), ENTRY);
  const name = version === "5" ? "webpack 5, the newest" : `webpack ${version}`;
  const kinds = [
    [`${name}, CommonJS with chunks`, "commonjs", "main.cjs"],
    [`${name}, ES modules with chunks`, "module", "main.mjs"],
  ];
  return Promise.all(
    kinds.map(async ([title, type, file]) => {
      const where = join(directory, `out-webpack-${version}-${type}`);
      const config = join(project, `webpack.${type}.mjs`);
      await writeFile(config, webpackConfig("entry.mjs", where, type));
      const bundle = () => run(join(project, "node_modules/.bin/webpack"), ["--config", config], { cwd: project });
      return [title, where, file, bundle];
    }),
  );
}

/** Bundled into an application by each bundler, and run where there is no node_modules to fall back on. */
export async function builds(directory, tarball) {
  const project = await makeProject(join(directory, "builds"), [tarball, ...PACKAGES]);
  const bin = (name) => join(project, "node_modules/.bin", name);
  const inside = (file, args) => run(file, args, { cwd: project });
  await writeFile(join(project, "entry.mjs"), ENTRY);
  await writeFile(join(project, "app.mjs"), APP);
  await writeFile(join(project, "rollup.config.mjs"), ROLLUP);
  const out = (name) => join(directory, `out-${name}`);
  const banner =
    "--banner:js=import { createRequire as __c } from 'node:module'; const require = __c(import.meta.url);";
  const kinds = [
    [
      "esbuild, one CommonJS file",
      out("esbuild-cjs"),
      "main.cjs",
      () => inside(bin("esbuild"), esbuild("entry.mjs", join(out("esbuild-cjs"), "main.cjs"))[1]),
    ],
    [
      "esbuild, one ES module",
      out("esbuild-esm"),
      "main.mjs",
      () =>
        inside(bin("esbuild"), esbuild("entry.mjs", join(out("esbuild-esm"), "main.mjs"), "--format=esm", banner)[1]),
    ],
    [
      "esbuild, ES modules with splitting",
      out("esbuild-split"),
      "entry.mjs",
      () =>
        inside(
          bin("esbuild"),
          esbuild(
            "entry.mjs",
            out("esbuild-split"),
            "--format=esm",
            "--splitting",
            "--out-extension:.js=.mjs",
            banner,
          )[1],
        ),
    ],
    [
      "Rollup, ES modules with chunks",
      out("rollup"),
      "main.mjs",
      () =>
        inside(bin("rollup"), [
          "--config",
          "rollup.config.mjs",
          "--silent",
          "--configEntry",
          "entry.mjs",
          "--configOut",
          out("rollup"),
        ]),
    ],
  ];
  for (const version of WEBPACKS) kinds.push(...(await webpacks(directory, tarball, version)));
  const rows = [];
  for (const [name, where, file, bundle] of kinds) {
    const outcome = await outcomeOf(async () => {
      await bundle();
      return run(process.execPath, [join(where, file)], { cwd: where });
    });
    rows.push([name, outcome]);
  }
  rows.push([
    "Next.js 15, a route of its server built with webpack",
    await outcomeOf(() => nextServer(directory, tarball)),
  ]);
  const sizes = [];
  for (const [name, flags] of [
    ["esbuild, the package and all that it uses", []],
    ["the same, minified", ["--minify"]],
  ]) {
    const file = join(directory, `size-${sizes.length}.cjs`);
    await inside(bin("esbuild"), esbuild("app.mjs", file, ...flags)[1]);
    sizes.push([name, `${Math.round((await stat(file)).size / 1024)} kB`]);
  }
  return [
    { title: "Bundled into an application, and run", columns: ["bundle", "outcome"], rows },
    { title: "Size in a bundle", columns: ["bundle", "size"], rows: sizes },
  ];
}
