// Uses each snippet of the page once, waits until the session has ended, and uses it again. Prints a line of JSON for each.
import { setTimeout as wait } from "node:timers/promises";

const LIMIT_MS = 10_000;

/** By the snippet's file: what a user does with it. Each use makes a signed request, or logs in. */
const USES = {
  "bedrock.ts": async ({ bedrock }) => {
    const { ConverseCommand } = await import("@aws-sdk/client-bedrock-runtime");
    await bedrock.send(
      new ConverseCommand({ modelId: "m", messages: [{ role: "user", content: [{ text: "Hello" }] }] }),
    );
  },
  "ai-sdk.ts": ({ ask }) => ask("Hello"),
  "anthropic.ts": ({ anthropic }) =>
    anthropic.messages.create({ model: "m", max_tokens: 9, messages: [{ role: "user", content: "Hello" }] }),
  "langchain.ts": ({ chat }) => chat.invoke("Hello"),
  "openai.ts": ({ openai }) =>
    openai.chat.completions.create({ model: "m", messages: [{ role: "user", content: "Hello" }] }),
  "strands.ts": async ({ model }) => {
    const { Message, TextBlock } = await import("@strands-agents/sdk");
    model.updateConfig({ stream: false, modelId: "m" });
    const messages = [new Message({ role: "user", content: [new TextBlock("Hello")] })];
    for await (const _ of model.stream(messages));
  },
  "pg.ts": ({ pool }) => logIn(pool),
  "postgres-and-knex.ts": async ({ open }) => open(),
  "mysql.ts": async ({ pool }) => {
    const connection = await pool.getConnection();
    await connection.query("DO 1");
    connection.destroy();
  },
  "dsql.ts": ({ pool }) => logIn(pool),
  "mongodb.ts": async ({ mongo }) => {
    await mongo.connect();
    await mongo.db("orders").command({ ping: 1 });
    await mongo.close();
  },
  "kafka.ts": async ({ kafka }) => {
    const admin = kafka.admin({ retry: { retries: 0 } });
    await admin.connect();
    await admin.listTopics();
    await admin.disconnect();
  },
  "redis.ts": async ({ redis }) => {
    const connection = redis.duplicate();
    connection.on("error", () => undefined);
    await connection.connect();
    await connection.ping();
    connection.destroy();
  },
  "opensearch.ts": ({ search }) => search.info(),
  "sdk-clients.ts": async ({ mail, logs, tus }) => {
    await mail.sendMail({ from: "a@example.com", to: "b@example.com", text: "Hello" });
    await new Promise((resolve, reject) => {
      logs.add({ level: "info", message: "Hello" });
      logs.submit((error) => (error ? reject(error) : resolve()));
    });
    await tus.client.headObject({ Bucket: "uploads", Key: "a" });
  },
  "more-sdk-clients.ts": async ({ consumer, uploads, drive, orders }) => {
    await new Promise((resolve, reject) => {
      consumer.once("response_processed", resolve).once("empty", resolve).once("error", reject);
      consumer.start();
    });
    consumer.stop();
    const { Readable } = await import("node:stream");
    const file = { stream: Readable.from(["a"]), originalname: "a" };
    await new Promise((resolve, reject) =>
      uploads._handleFile({}, file, (error) => (error ? reject(error) : resolve())),
    );
    await drive.put("a", "a", {});
    await orders.get({ id: "1" }).go();
  },
  "signing.ts": async ({ signer, signedFetch, http, fetchSigned }) => {
    const url = "https://abc123.execute-api.eu-west-1.amazonaws.com/orders";
    const { host: hostname, pathname: path } = new URL(url);
    const request = { method: "GET", protocol: "https:", hostname, path, headers: { host: hostname } };
    const { headers } = await signer.sign(request);
    for (const response of [await fetch(url, { headers }), await signedFetch(url), await fetchSigned(url)])
      if (!response.ok) throw new Error(await response.text());
    await http.get(url);
  },
  "minio.ts": async ({ minio }) => {
    await minio.bucketExists("uploads");
    await openLink(await minio.presignedGetObject("uploads", "a", 60));
  },
  "sdk-2.ts": async ({ s3 }) => {
    await s3.headObject({ Bucket: "uploads", Key: "a" }).promise();
    await openLink(await s3.getSignedUrlPromise("getObject", { Bucket: "uploads", Key: "a" }));
  },
};

async function logIn(pool) {
  const client = await pool.connect();
  await client.query("SELECT 1");
  client.release(true);
}

async function openLink(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${response.status} for the presigned URL`);
}

async function failAfter(ms) {
  await wait(ms, undefined, { ref: false });
  throw new Error(`not done after ${ms} ms`);
}

const [sessionMs, ...files] = process.argv.slice(2);
for (const round of [1, 2]) {
  for (const file of files) {
    const used = import(`./snippets/${file.replace(/ts$/, "js")}`).then(USES[file]);
    const error = await Promise.race([used, failAfter(LIMIT_MS)]).then(
      () => undefined,
      (reason) => `${reason?.stack ?? reason}`,
    );
    // The parent notes who signed until it has read the line.
    process.stdout.write(`${JSON.stringify({ file, round, error })}\n`);
    await new Promise((resolve) => process.stdin.once("data", resolve));
  }
  if (round === 1) await wait(Number(sessionMs));
}
process.exit();
