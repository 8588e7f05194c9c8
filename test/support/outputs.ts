import { expect } from "vitest";
import { STEPS } from "../../src/doctor/step.js";

/** Any character that a terminal acts on or hides, but the plain space and the line break. */
const UNSEEN = /(?![\n ])[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}\u2800]/u;
/** The programs that this package's own hints call. */
const COMMAND = /^ {2}(?:aws|gcloud|kubectl|npm|curl|ls|env|date|id|export)(?: |$)/;
const MORE = /^More: node_modules\/gke-aws-credentials\/docs\/troubleshooting\.md#[a-z_]+$/;
const STEP = new RegExp(`^[✓!✗·] (?:${STEPS.join("|")}) *\\d+ ms {2}\\S`);
const MAX_MESSAGE_BYTES = 2_000;
const MAX_HINT_BYTES = 4_000;
/** What a channel adds to a sentence: its code, a mark, a name and a time. */
const FRAME_BYTES = 100;

const bytes = (text: string): number => Buffer.byteLength(text);

/** Nothing hidden in a text; in JSON neither before nor after it is parsed. */
function expectSeen(text: string): void {
  expect(text).not.toMatch(UNSEEN);
}

/** Prose, then our own commands, then where to read more: nothing else begins a line. */
export function expectOwnHint(hint: string): void {
  expectSeen(hint);
  expect(bytes(hint)).toBeLessThanOrEqual(MAX_HINT_BYTES);
  const [prose = "", ...lines] = hint.split("\n");
  expect(prose).toMatch(/^[A-Z]/);
  for (const line of lines) expect(COMMAND.test(line) || MORE.test(line) ? "own" : line).toBe("own");
}

export function expectOneLine(message: string, limit = MAX_MESSAGE_BYTES): void {
  expectSeen(message);
  expect(message).not.toContain("\n");
  expect(bytes(message)).toBeLessThanOrEqual(limit);
}

/** A sentence on one line, then a hint, as stderr and the credentials server show a failure. */
export function expectOwnFailure(text: string): void {
  const [first = "", ...hint] = text.split("\n");
  expectOneLine(first, MAX_MESSAGE_BYTES + FRAME_BYTES);
  if (hint.length > 0) expectOwnHint(hint.join("\n"));
}

/** Each step is told once, in order, and all other lines are the hint below a step. */
export function expectOwnSteps(stdout: string): void {
  expectSeen(stdout);
  const blocks = stdout.trimEnd().split(/\n(?! {4})/);
  expect(blocks.map((block) => STEPS.find((name) => block.startsWith(name, 2)))).toEqual(STEPS.slice(0, blocks.length));
  for (const block of blocks) {
    const [line = "", ...hint] = block.split("\n");
    expect(line).toMatch(STEP);
    expectOneLine(line, MAX_MESSAGE_BYTES + FRAME_BYTES);
    if (hint.length > 0) expectOwnHint(hint.map((text) => text.slice(4)).join("\n"));
  }
}

/** The same of `doctor --json`, as text and after it is parsed. */
export function expectOwnJson(stdout: string): void {
  expectSeen(stdout);
  const { version, steps } = JSON.parse(stdout) as {
    version: number;
    steps: readonly { name: string; detail: string; hint?: string }[];
  };
  expect([version, steps.map(({ name }) => name)]).toEqual([1, STEPS]);
  for (const { detail, hint } of steps) {
    expectOneLine(detail);
    if (hint !== undefined) expectOwnHint(hint);
  }
}
