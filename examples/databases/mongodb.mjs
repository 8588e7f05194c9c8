// @ts-check
// MongoDB Atlas with MONGODB-AWS: for each line of standard input, asks whether the database answers. MONGODB_URI says where,
// for example mongodb+srv://orders.abc123.mongodb.net/?authSource=%24external
import { createInterface } from "node:readline";
import { fromGkeWorkloadIdentity } from "gke-aws-credentials";
import { MongoClient } from "mongodb";

const mongo = new MongoClient(process.env.MONGODB_URI ?? "", {
  authMechanism: "MONGODB-AWS",
  authMechanismProperties: { AWS_CREDENTIAL_PROVIDER: fromGkeWorkloadIdentity() },
  // Connections that nobody uses end, and the next one logs in anew.
  maxIdleTimeMS: 1_000,
});

for await (const _ of createInterface({ input: process.stdin })) {
  const { ok } = await mongo.db("orders").command({ ping: 1 });
  console.log(ok === 1 ? "yes" : "no");
}
await mongo.close();
