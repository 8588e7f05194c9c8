import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { describeServed, toVariable } from "../../src/cli/serve-variables.js";

const served = (paths: readonly string[], tokenFile?: string) =>
  describeServed({ port: 9911, authorizations: new Map(paths.map((path) => [path, `token of ${path}`])) }, tokenFile);

describe("what a client of a served role must know", () => {
  it("is the absolute path of the token's file, and of another file for each named role", () => {
    expect(served(["/", "/roles/reader"], "token").map(({ tokenFile }) => tokenFile)).toEqual([
      resolve("token"),
      resolve("token.reader"),
    ]);
    expect(served(["/roles/reader"], "token")[0]?.tokenFile).toBe(resolve("token"));
    expect(served(["/"])[0]?.tokenFile).toBeUndefined();
  });

  it("is its own address and its own token", () => {
    expect(served(["/", "/roles/reader"])).toMatchObject([
      { uri: "http://127.0.0.1:9911/", token: "token of /", suffix: "" },
      { uri: "http://127.0.0.1:9911/roles/reader", token: "token of /roles/reader", suffix: "_READER" },
    ]);
  });

  it("has variables whose names a shell takes", () => {
    expect(["a.b-c", "x_1"].map(toVariable)).toEqual(["_A_B_C", "_X_1"]);
  });
});
