import { describe, expect, it } from "vitest";
import { loadPackage } from "../../src/errors/create-error.js";

const notThere = () => import(`no-such-package-${"anywhere"}`) as Promise<object>;

describe("loadPackage", () => {
  it("gives what the package exports, also when that is on `default` alone", async () => {
    expect(await loadPackage("p", Promise.resolve({ name: "p" }))).toEqual({ name: "p" });
    expect(await loadPackage("p", Promise.resolve({ default: { name: "p" } }))).toEqual({ name: "p" });
  });

  it("rejects with INVALID_CONFIGURATION, the package's name and how to look for it, when it is not installed", async () => {
    const failure = await loadPackage("no-such-package", notThere()).catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: "INVALID_CONFIGURATION",
      message: expect.stringMatching(/^The package no-such-package could not be loaded: .*no-such-package-anywhere/),
      hint: expect.stringContaining("npm ls no-such-package"),
      retryable: false,
      tryNextLink: false,
    });
  });
});
