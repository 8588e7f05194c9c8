// @ts-check
// Kafka on MSK with IAM: lists the topics for each line of standard input. BROKERS says where, for example
// b-1.orders.abc123.c2.kafka.eu-west-1.amazonaws.com:9098
import { createInterface } from "node:readline";
import { generateAuthTokenFromCredentialsProvider } from "aws-msk-iam-sasl-signer-js";
import { fromGkeWorkloadIdentity } from "gke-aws-credentials";
import { Kafka } from "kafkajs";

const credentials = fromGkeWorkloadIdentity({ keepFresh: true, refreshAheadSeconds: 1800 });

const kafka = new Kafka({
  clientId: "orders",
  brokers: (process.env.BROKERS ?? "").split(","),
  ssl: true,
  sasl: {
    mechanism: "oauthbearer",
    // kafkajs asks for a token for each connection, and again before the broker ends the login.
    oauthBearerProvider: async () => {
      const options = { region: "eu-west-1", awsCredentialsProvider: credentials };
      const { token: value } = await generateAuthTokenFromCredentialsProvider(options);
      return { value };
    },
  },
});

for await (const _ of createInterface({ input: process.stdin })) {
  const admin = kafka.admin();
  await admin.connect();
  console.log((await admin.listTopics()).join(" "));
  await admin.disconnect();
}
