import type { Command } from "commander";
import { diagnose } from "../doctor/diagnosis.js";
import type { StepReport } from "../doctor/step.js";
import type { Output } from "./output.js";
import { addProviderOptions, addRoleArgument, type ProviderFlags, toInit } from "./provider-options.js";

/** Each with its colour on a terminal: green, yellow, red, none. */
const MARKS: Readonly<Record<StepReport["status"], readonly [mark: string, colour: number]>> = {
  ok: ["✓", 32],
  warning: ["!", 33],
  failed: ["✗", 31],
  skipped: ["·", 0],
};
const NAME_WIDTH = 16;

/** `doctor`: checks each link of the chain and stops at the first broken one. Its exit code says whether there is one. */
export function addDoctor(program: Command, output: Output, setExitCode: (code: number) => void): void {
  const { stdout } = output;
  const command = program
    .command("doctor")
    .description("Find the broken link between this workload and its AWS role. Reads, and changes nothing.");
  addProviderOptions(addRoleArgument(command))
    .option("--json", "one JSON object, as docs/doctor.md describes it")
    .action(async (roleArn: string | undefined, flags: ProviderFlags & { readonly json?: true }) => {
      const paint = painter(stdout);
      let proxy = "";
      const init = await toInit(roleArn, flags, (used) => {
        proxy = used;
      });
      const withProxy = (report: StepReport): StepReport =>
        report.name === "STS endpoint" && proxy ? { ...report, detail: `${report.detail}, proxy ${proxy}` } : report;
      const onStep = flags.json ? () => {} : (report: StepReport) => stdout.write(toText(withProxy(report), paint));
      const steps = (await diagnose(init, onStep)).map(withProxy);
      const ok = steps.every(({ status }) => status !== "failed");
      if (flags.json) stdout.write(`${JSON.stringify({ version: 1, ok, steps }, null, 2)}\n`);
      setExitCode(ok ? 0 : 1);
    });
}

type Paint = (text: string, colour: number) => string;

/** Colour on a terminal only; Node's own judgement honours NO_COLOR, FORCE_COLOR and TERM. */
const painter = (stdout: Output["stdout"]): Paint =>
  stdout.isTTY && stdout.hasColors?.() ? (text, colour) => `\u001b[${colour}m${text}\u001b[39m` : (text) => text;

function toText({ name, status, durationMs, detail, code, hint }: StepReport, paint: Paint): string {
  const mark = paint(...MARKS[status]);
  const time = `${durationMs} ms`.padStart(8);
  const line = `${mark} ${name.padEnd(NAME_WIDTH)}${time}  ${code ? `${code}: ` : ""}${detail}\n`;
  return hint === undefined ? line : `${line}${hint.replace(/^/gm, "    ")}\n`;
}
