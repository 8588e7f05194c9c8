import { once } from "node:events";
import { createSecureServer } from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import type { AwsSts, SignedRequest } from "../../src/testing/index.js";
import { kafka, mongodb, mysql, postgres, redis } from "./databases.js";
import type { Certificate } from "./tls.js";
import { type StandIn, startStandIn } from "./wire.js";

/** One answer for all services that answer JSON: each library finds what it looks for. */
const JSON_ANSWER = {
  ...{ id: "1", type: "message", role: "assistant", model: "m", content: [{ type: "text", text: "Hello" }] },
  ...{ stopReason: "end_turn", usage: { inputTokens: 1, outputTokens: 1, totalTokens: 2 }, metrics: { latencyMs: 1 } },
  output: { message: { role: "assistant", content: [{ text: "Hello" }] } },
  choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content: "Hello" } }],
  ...{ MessageId: "1", Messages: [], logStreams: [{ logStreamName: "orders" }], Item: {} },
};

/** All of AWS that the libraries reach, on loopback. It answers only to a signature of a live session of this STS. */
export interface Cloud extends AsyncDisposable {
  /** Ports on loopback, by the real ones. */
  readonly ports: Readonly<Record<number, number>>;
  /** Who signed, in order: the session's access key id. */
  readonly signers: readonly string[];
  /** Why requests were refused. */
  readonly refusals: readonly string[];
  /** Verifies a token that is a presigned URL. */
  readonly verifyUrl: (url: string) => Promise<void>;
}

/** @param bson - MongoDB's format, of the driver's own package. */
export async function startCloud(
  sts: AwsSts,
  certificate: Certificate,
  bson: Parameters<typeof mongodb>[0],
): Promise<Cloud> {
  const signers: string[] = [];
  const refusals: string[] = [];
  const verify = async (request: SignedRequest): Promise<void> => {
    const credential = /Credential=([A-Z0-9]+)/.exec(`${request.headers.authorization} ${request.target}`);
    try {
      await sts.authenticate(request);
      signers.push(credential?.[1] ?? "");
    } catch (error) {
      refusals.push(`${request.headers[":authority"] ?? request.headers.host}${request.target.slice(0, 80)}: ${error}`);
      throw error;
    }
  };
  const verifyUrl = async (url: string, method = "GET"): Promise<void> => {
    const [, host = "", target = ""] = /^(?:https:\/\/)?([^/]+)(\/.*)$/s.exec(url) ?? [];
    await verify({ method, target, headers: { host }, body: Buffer.alloc(0) });
  };
  const verifyMongo: Parameters<typeof mongodb>[1] = ({ authorization, date, token, nonce }) => {
    const body = Buffer.from("Action=GetCallerIdentity&Version=2011-06-15");
    const headers = {
      ...{ authorization, host: "sts.amazonaws.com", "x-amz-date": date, "x-amz-security-token": token },
      ...{ "content-type": "application/x-www-form-urlencoded", "content-length": String(body.length) },
      ...{ "x-mongodb-server-nonce": nonce, "x-mongodb-gs2-cb-flag": "n" },
    };
    return verify({ method: "POST", target: "/", headers, body });
  };
  // The signer puts the user agent into the URL that it has signed.
  const verifyKafka = (token: string) =>
    verifyUrl(
      Buffer.from(token, "base64url")
        .toString()
        .replace(/&User-Agent=[^&]*/, ""),
    );
  const verifyBedrockKey = (key: string) =>
    verifyUrl(Buffer.from(key.replace("bedrock-api-key-", ""), "base64").toString().replace("&Version=1", ""), "POST");

  const https = await startHttps(certificate, async (request) => {
    const bearer = /^Bearer (bedrock-api-key-.*)$/.exec(String(request.headers.authorization))?.[1];
    await (bearer ? verifyBedrockKey(bearer) : verify(request));
  });
  const broker = "b-1.orders.abc123.c2.kafka.eu-west-1.amazonaws.com";
  const standIns: Record<number, StandIn> = {
    443: https,
    5432: await startStandIn(certificate, postgres(verifyUrl)),
    3306: await startStandIn(certificate, mysql(verifyUrl)),
    6379: await startStandIn(certificate, redis(verifyUrl)),
    9098: await startStandIn(certificate, kafka(broker, 9098, verifyKafka)),
    27017: await startStandIn(certificate, mongodb(bson, verifyMongo)),
  };
  const all = Object.values(standIns);
  return {
    ports: Object.fromEntries(Object.entries(standIns).map(([port, standIn]) => [port, standIn.port])),
    signers,
    refusals,
    verifyUrl: (url) => verifyUrl(url),
    [Symbol.asyncDispose]: async () => void (await Promise.all(all.map((one) => one[Symbol.asyncDispose]()))),
  };
}

/** HTTP/1.1 and HTTP/2, as AWS's own front has both. */
async function startHttps(
  { key, cert }: Certificate,
  verify: (request: SignedRequest) => Promise<void>,
): Promise<StandIn> {
  const sockets = new Set<Socket>();
  const server = createSecureServer({ key, cert, allowHTTP1: true }, async (request, response) => {
    const body = Buffer.concat(await request.toArray());
    const { method, url: target, headers } = request;
    const isS3 = /(^|\.)s3[.-]/.test(String(headers[":authority"] ?? headers.host));
    const refused = await verify({ method, target, headers, body }).then(
      () => undefined,
      (error: { code: string; message: string }) => error,
    );
    if (isS3) response.writeHead(refused ? 403 : 200, { etag: '"1"', "content-type": "application/xml" }).end();
    else if (!refused) response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(JSON_ANSWER));
    else
      response
        .writeHead(403, { "content-type": "application/json", "x-amzn-errortype": refused.code })
        .end(JSON.stringify({ message: refused.message }));
  });
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
