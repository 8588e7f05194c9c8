import { expect } from "vitest";
import { STEPS } from "../../src/doctor/step.js";

/** Any character that a terminal acts on or hides, but the plain space and the line break. */
const UNSEEN = /(?![\n ])[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}\u2800]/u;
/** A step of a hint, or the command for it. */
const HINT_LINE =
  /^(?:\d\. )?(?:[A-Z]|clientConfig|endpoint_url)|^ {3}(?:aws|gcloud|kubectl|npm|npx|curl|ls|env|date|id|export)(?: |$)/;
const STEP = new RegExp(`^[✓!✗·] (?:${STEPS.join("|")}) *\\d+ ms {2}\\S`);
const MAX_MESSAGE = 300;
const MAX_DETAIL = 500;
const MAX_HINT = 900;
/** What a channel adds to a sentence: its code, a mark, a name and a time. */
const FRAME = 100;

/** Nothing hidden in a text; in JSON neither before nor after it is parsed. */
function expectSeen(text: string): void {
  expect(text).not.toMatch(UNSEEN);
}

/** Our own steps and commands: nothing else begins a line. */
export function expectOwnHint(hint: string): void {
  expectSeen(hint);
  expect(hint.length).toBeLessThanOrEqual(MAX_HINT);
  for (const line of hint === "" ? [] : hint.split("\n")) expect(HINT_LINE.test(line) ? "own" : line).toBe("own");
}

export function expectOneLine(message: string, limit = MAX_MESSAGE): void {
  expectSeen(message);
  expect(message).not.toContain("\n");
  expect(message.length).toBeLessThanOrEqual(limit);
}

/** A sentence on one line, then a hint, as stderr and the credentials server show a failure. */
export function expectOwnFailure(text: string): void {
  const [first = "", ...hint] = text.split("\n");
  expectOneLine(first, MAX_MESSAGE + FRAME);
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
    expectOneLine(line, MAX_DETAIL + FRAME);
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
    expectOneLine(detail, MAX_DETAIL);
    if (hint !== undefined) expectOwnHint(hint);
  }
}
