import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

const PROMISE = /^\| .+ \| `(test\/[\w./-]+\.ts)` +\| `([^`]+)` +\|$/gm;

it("docs/security.md names for each promise a test that exists", () => {
  const page = readFileSync("docs/security.md", "utf8");
  const [, promises = ""] = page.split("## Promises");
  const [table = ""] = promises.split("\n## ");
  const rows = [...table.matchAll(PROMISE)];
  expect(rows).toHaveLength(table.split("\n").filter((line) => line.startsWith("|")).length - 2);
  for (const [, file = "", name = ""] of rows) expect(readFileSync(file, "utf8")).toContain(name);
});
