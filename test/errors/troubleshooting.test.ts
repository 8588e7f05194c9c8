import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { createError } from "../../src/errors/create-error.js";
import { ERRORS } from "../../src/errors/error-table.js";
import type { GkeWorkloadIdentityErrorCode } from "../../src/index.js";
import { troubleshootingPage } from "../support/troubleshooting-page.js";

it("docs/troubleshooting.md says what the table of errors says", async () => {
  await expect(troubleshootingPage()).toMatchFileSnapshot("../../docs/troubleshooting.md");
});

it("every hint leads to a heading of docs/troubleshooting.md", () => {
  const page = readFileSync("docs/troubleshooting.md", "utf8");
  const anchors = [...page.matchAll(/^## (\w+)$/gm)].map(([, heading]) => heading?.toLowerCase());
  for (const code of Object.keys(ERRORS) as GkeWorkloadIdentityErrorCode[]) {
    const { hint } = createError(code);
    const [, anchor] = /\nMore: node_modules\/gke-aws-credentials\/docs\/troubleshooting\.md#(\w+)$/.exec(hint) ?? [];
    expect(anchors).toContain(anchor);
    expect(anchor).toBe(code.toLowerCase());
  }
});
