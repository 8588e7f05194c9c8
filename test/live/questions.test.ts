import { expect, it } from "vitest";
import { createTrustPolicy } from "../../src/index.js";
import { startAwsSts, startGoogleMetadataServer } from "../../src/testing/index.js";
import { askOurs } from "./ours.mjs";
import { QUESTIONS } from "./questions.mjs";

it("the testing servers answer each question of the live check as recorded", async () => {
  const answers = await askOurs({ createTrustPolicy, startAwsSts, startGoogleMetadataServer });
  const asked = Object.values(QUESTIONS).flatMap((questions) => Object.keys(questions));
  expect(Object.keys(answers)).toEqual(asked);
  const lines = Object.entries(answers).map(([question, answer]) => `${question}\n  ${answer}\n`);
  await expect(lines.join("")).toMatchFileSnapshot("answers.txt");
});
