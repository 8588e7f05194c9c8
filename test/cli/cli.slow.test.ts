import { describe, expect, it } from "vitest";
import { runNode } from "../support/run-node.js";
import { startTwoClouds } from "../support/two-clouds.js";

describe("gke-aws-credentials, as a program of its own", () => {
  it("does the same when it is built and run as a program, and then ends", async () => {
    await using _ = await startTwoClouds();
    const done = await runNode(["dist/cli.cjs", "credential-process", "--region", "us-east-1"], {
      env: { NODE_NO_WARNINGS: undefined },
    });
    expect([done.code, done.stderr, JSON.parse(done.stdout)]).toEqual([0, "", expect.objectContaining({ Version: 1 })]);
    const wrong = await runNode(["dist/cli.cjs", "credential-process", "not-an-arn"]);
    expect([wrong.code, wrong.stdout]).toEqual([2, ""]);
  });

  it("loads what one command needs for that command alone", async () => {
    const startsProcesses = async (command: string) => {
      const program = `process.argv.splice(1, 1, "cli", ${JSON.stringify(command)}, "--help");
        process.on("exit", () => console.error(process.moduleLoadList.includes("NativeModule child_process")));
        require("./dist/cli.cjs");`;
      return (await runNode(["-e", program, ""])).stderr.trim();
    };
    expect([await startsProcesses("exec"), await startsProcesses("credential-process")]).toEqual(["true", "false"]);
  });
});
