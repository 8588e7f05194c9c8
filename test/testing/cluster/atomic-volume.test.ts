import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createAtomicVolume } from "../../../src/testing/cluster/atomic-volume.js";
import { startClusterIssuer } from "../../../src/testing/index.js";
import { readClaims as readIdTokenClaims } from "../../../src/token/check-token.js";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "volume-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

describe("a volume with one file", () => {
  it("makes the directory that was asked for, and leaves it and its other files at the end", () => {
    const volume = createAtomicVolume("token", join(directory, "a", "b"));
    writeFileSync(join(directory, "a", "b", "other"), "");
    volume.replace("first");
    expect(readFileSync(volume.file, "utf8")).toBe("first");
    volume.dispose();
    expect(readdirSync(join(directory, "a", "b"))).toEqual(["other"]);
  });

  it("deletes its own directory at the end", () => {
    const volume = createAtomicVolume("token");
    volume.replace("first");
    volume.dispose();
    expect(existsSync(dirname(volume.file))).toBe(false);
  });
});

describe("a projected token for a wrong audience", () => {
  it("is for the audience that was given, or else for the issuer itself", async () => {
    await using cluster = await startClusterIssuer();
    await using token = cluster.projectToken();
    const audience = () => readIdTokenClaims(readFileSync(token.file, "utf8"))?.aud;
    token.injectFault({ kind: "wrongAudience", audience: "gcp" }, { times: 1 });
    expect(audience()).toEqual(["gcp"]);
    token.injectFault({ kind: "wrongAudience" }, { times: 1 });
    expect(audience()).toEqual([cluster.issuer]);
  });
});
