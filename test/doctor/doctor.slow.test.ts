import { describe, expect, it } from "vitest";
import { runNode } from "../support/run-node.js";
import { startTwoClouds } from "../support/two-clouds.js";

describe("doctor, as a program of its own", () => {
  it("takes less than two seconds as a program, start-up included", async () => {
    await using _ = await startTwoClouds();
    const { code, durationMs } = await runNode(["dist/cli.cjs", "doctor", "--region", "us-east-1"]);
    expect(code).toBe(0);
    expect(durationMs).toBeLessThan(2_000);
  });
});
