import type { Command } from "commander";
import { diagnose } from "../doctor/diagnosis.js";
import type { StepReport } from "../doctor/step.js";
import { safeJson, safeLines, safeText } from "../lib/text.js";
import type { Output } from "./output.js";
import { addProviderOptions, addRoleArgument, type ProviderFlags, toInit } from "./provider-options.js";

const MARKS = { ok: "✓", warning: "!", failed: "✗", skipped: "·" } as const;
const GREEN = 32;
const YELLOW = 33;
const RED = 31;
const COLOURS = { ok: GREEN, warning: YELLOW, failed: RED, skipped: 0 } as const;
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
      const onStep = flags.json ? () => {} : (report: StepReport) => stdout.write(toText(report, paint));
      const steps = await diagnose(await toInit(roleArn, flags, output), onStep);
      const ok = steps.every(({ status }) => status !== "failed");
      if (flags.json) stdout.write(`${safeJson({ version: 1, ok, steps }, 2)}\n`);
      setExitCode(ok ? 0 : 1);
    });
}

type Paint = (text: string, colour: number) => string;

/** Colour on a terminal only; Node's own judgement honours NO_COLOR, FORCE_COLOR and TERM. */
const painter = (stdout: Output["stdout"]): Paint =>
  stdout.isTTY && stdout.hasColors?.() ? (text, colour) => `\u001b[${colour}m${text}\u001b[39m` : (text) => text;

function toText({ name, status, durationMs, detail, code, hint }: StepReport, paint: Paint): string {
  const mark = paint(MARKS[status], COLOURS[status]);
  const time = `${durationMs} ms`.padStart(8);
  const line = `${mark} ${name.padEnd(NAME_WIDTH)}${time}  ${code ? `${code}: ` : ""}${safeText(detail)}\n`;
  return hint === undefined ? line : `${line}${safeLines(hint).replace(/^/gm, "    ")}\n`;
}
