import type { Command } from "commander";
import { diagnose } from "../doctor/diagnosis.js";
import type { StepReport } from "../doctor/step.js";
import { addProviderOptions, addRoleArgument, type ProviderFlags, toInit } from "./flags.js";
import type { Output } from "./output.js";

/** Each with its colour on a terminal: green, yellow, red, none. */
const MARKS: Readonly<Record<StepReport["status"], readonly [mark: string, colour: number]>> = {
  ok: ["✓", 32],
  warning: ["!", 33],
  failed: ["✗", 31],
  skipped: ["·", 0],
};
const NAME_WIDTH = 16;

/** `doctor`: checks each link of the chain and stops at the first broken one. Its exit code says whether there is one. */
export function addDoctor(program: Command, { stdout }: Output, setExitCode: (code: number) => void): void {
  const command = program
    .command("doctor")
    .description("Find the broken link between this workload and its AWS role. Reads, and changes nothing.");
  addProviderOptions(addRoleArgument(command))
    .option("--json", "one JSON object, as docs/doctor.md describes it")
    .action(async (roleArn: string | undefined, flags: ProviderFlags & { readonly json?: true }) => {
      // Node's own judgement honours NO_COLOR, FORCE_COLOR and TERM.
      const isColoured = stdout.isTTY === true && stdout.hasColors?.() === true;
      let proxy = "";
      const init = await toInit(roleArn, flags, (used) => {
        proxy = used;
      });
      const withProxy = (report: StepReport): StepReport =>
        report.name === "STS endpoint" && proxy ? { ...report, detail: `${report.detail}, proxy ${proxy}` } : report;
      const print = (report: StepReport): unknown => stdout.write(toText(withProxy(report), isColoured));
      const steps = (await diagnose(init, flags.json ? () => {} : print)).map(withProxy);
      const ok = steps.every(({ status }) => status !== "failed");
      if (flags.json) stdout.write(`${JSON.stringify({ version: 1, ok, steps }, null, 2)}\n`);
      setExitCode(ok ? 0 : 1);
    });
}

function toText({ name, status, durationMs, detail, code, hint }: StepReport, isColoured: boolean): string {
  const [mark, colour] = MARKS[status];
  const shown = isColoured ? `\u001b[${colour}m${mark}\u001b[39m` : mark;
  const time = `${durationMs} ms`.padStart(8);
  const line = `${shown} ${name.padEnd(NAME_WIDTH)}${time}  ${code ? `${code}: ` : ""}${detail}\n`;
  return hint === undefined ? line : `${line}${hint.replace(/^/gm, "    ")}\n`;
}
