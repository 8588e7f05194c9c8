// @ts-check
// Anthropic's SDK on Bedrock: answers each line of standard input.
import { createInterface } from "node:readline";
import { AnthropicBedrock } from "@anthropic-ai/bedrock-sdk";
import { fromGkeWorkloadIdentity } from "gke-aws-credentials";

const credentials = fromGkeWorkloadIdentity();
const anthropic = new AnthropicBedrock({ awsRegion: "eu-west-1", providerChainResolver: async () => credentials });
const model = process.env.MODEL ?? "eu.anthropic.claude-sonnet-4-20250514-v1:0";

for await (const content of createInterface({ input: process.stdin })) {
  const message = await anthropic.messages.create({ model, max_tokens: 1024, messages: [{ role: "user", content }] });
  for (const block of message.content) if (block.type === "text") console.log(block.text);
}
