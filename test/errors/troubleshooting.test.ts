import { expect, it } from "vitest";
import { troubleshootingPage } from "../support/troubleshooting-page.js";

it("docs/troubleshooting.md says what the table of errors says", async () => {
  await expect(troubleshootingPage()).toMatchFileSnapshot("../../docs/troubleshooting.md");
});
