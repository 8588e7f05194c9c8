import { createAmazonBedrock } from "@ai-sdk/amazon-bedrock";
import { AnthropicBedrock } from "@anthropic-ai/bedrock-sdk";
import { RDSDataClient } from "@aws-sdk/client-rds-data";
import { drizzle } from "drizzle-orm/aws-data-api/pg";
import dynamoose from "dynamoose";
import { DataSource } from "typeorm";
import { credentials, region } from "./credentials.js";

const database = { resourceArn: "arn", secretArn: "arn", database: "app" };

export const drizzled = drizzle(new RDSDataClient({ region, credentials }), database);
export const source = new DataSource({
  type: "aurora-postgres",
  region,
  ...database,
  serviceConfigOptions: { credentials },
});
dynamoose.aws.ddb.set(new dynamoose.aws.ddb.DynamoDB({ region, credentials }));

// docs/how-to/tests.md names this option.
const baseURL = "http://127.0.0.1";
export const bedrock = createAmazonBedrock({ region, credentialProvider: credentials, baseURL });
export const anthropic = new AnthropicBedrock({
  awsRegion: region,
  providerChainResolver: async () => credentials,
  baseURL,
});
