import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach } from "vitest";

/** A new directory for each test of a file, deleted at its end. Gives the path of a name in it, or its own. */
export function useDirectory(): (...names: readonly string[]) => string {
  let directory = "";
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "test-"));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));
  return (...names) => join(directory, ...names);
}
