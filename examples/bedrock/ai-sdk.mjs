// @ts-check
// Vercel's AI SDK on Bedrock: answers each line of standard input. The SDK asks the provider for each request, so this may
// run for days on sessions of an hour.
import { createInterface } from "node:readline";
import { createAmazonBedrock } from "@ai-sdk/amazon-bedrock";
import { generateText } from "ai";
import { fromGkeWorkloadIdentity } from "gke-aws-credentials";

const credentials = fromGkeWorkloadIdentity({
  // The AI SDK throws an error of its own, without the hint: log it here.
  onEvent: (event) => {
    if (event.type === "refreshFailed") console.error(event.code, event.hint);
  },
});
const bedrock = createAmazonBedrock({ region: "eu-west-1", credentialProvider: credentials });
const model = bedrock(process.env.MODEL ?? "eu.anthropic.claude-sonnet-4-20250514-v1:0");

for await (const prompt of createInterface({ input: process.stdin })) {
  const { text } = await generateText({ model, prompt });
  console.log(text);
}
