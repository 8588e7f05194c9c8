import { Buffer } from "node:buffer";
import { int16, int32, int32le, read, type Speak } from "./wire.js";

/** Verifies a token, which is a presigned URL without its scheme: `HOST/?Action=connect&…`. */
export type VerifyToken = (token: string) => Promise<void>;

/** PostgreSQL's protocol as far as the first queries: the password is asked for in clear text. */
export const postgres =
  (verify: VerifyToken): Speak =>
  async (socket, secure) => {
    let stream = socket;
    const message = async () => read(stream, (await read(stream, 4)).readInt32BE() - 4);
    const send = (type: string, ...parts: Buffer[]) => {
      const body = Buffer.concat(parts);
      stream.write(Buffer.concat([Buffer.from(type), int32(body.length + 4), body]));
    };
    const SSL_REQUEST = 80_877_103;
    if ((await message()).readInt32BE() === SSL_REQUEST) {
      stream.write("S");
      stream = secure();
      await message();
    }
    send("R", int32(3));
    await read(stream, 1);
    await verify((await message()).toString().replace(/\0$/, ""));
    send("R", int32(0));
    send("Z", Buffer.from("I"));
    for (;;) {
      const type = (await read(stream, 1)).toString();
      await message();
      if (type !== "Q") continue;
      send("T", int16(1), Buffer.from("version\0"), int32(0), int16(0), int32(25), int16(-1), int32(-1), int16(0));
      // knex asks for the version.
      const answer = Buffer.from("PostgreSQL 15.1");
      send("D", int16(1), int32(answer.length), answer);
      send("C", Buffer.from("SELECT 1\0"));
      send("Z", Buffer.from("I"));
    }
  };

/** MySQL's protocol as far as the first commands: the client is sent on to the plugin for clear text. */
export const mysql =
  (verify: VerifyToken): Speak =>
  async (socket, secure) => {
    let stream = socket;
    const packet = async () => read(stream, (await read(stream, 4)).readUIntLE(0, 3));
    const send = (sequence: number, ...parts: (string | number[] | Buffer)[]) => {
      const body = Buffer.concat(parts.map((part) => Buffer.from(part as string)));
      const header = int32le(body.length);
      header[3] = sequence;
      stream.write(Buffer.concat([header, body]));
    };
    const ok = (sequence: number) => send(sequence, [0, 0, 0, 2, 0, 0, 0]);
    // Protocol 4.1, databases, transactions, secure connection, plugins; with TLS.
    const [low, high] = [
      [0x09, 0xaa],
      [0x08, 0x00],
    ];
    const challenge = "12345678";
    send(
      0,
      [10],
      "8.0.0\0",
      int32le(1),
      `${challenge}\0`,
      low!,
      [33, 2, 0],
      high!,
      [21],
      Buffer.alloc(10),
      `${challenge}1234\0mysql_native_password\0`,
    );
    await packet();
    stream = secure();
    await packet();
    send(3, [0xfe], "mysql_clear_password\0\0");
    await verify((await packet()).toString().replace(/\0$/, ""));
    ok(5);
    for (;;) {
      await packet();
      ok(1);
    }
  };

/** Redis's protocol as far as AUTH. */
export const redis =
  (verify: VerifyToken): Speak =>
  async (_, secure) => {
    const stream = secure();
    const line = async () => {
      let text = "";
      while (!text.endsWith("\r\n")) text += (await read(stream, 1)).toString();
      return text.trim();
    };
    for (;;) {
      const parts: string[] = [];
      for (let left = Number((await line()).slice(1)); left > 0; left -= 1) {
        parts.push((await read(stream, Number((await line()).slice(1)))).toString());
        await line();
      }
      // HELLO 3 AUTH user password
      const login = parts.indexOf("AUTH");
      if (login >= 0) await verify(parts[login + 2] ?? "");
      stream.write("+OK\r\n");
    }
  };

interface Bson {
  readonly serialize: (document: object) => Uint8Array;
  readonly deserialize: (bytes: Uint8Array) => Record<string, unknown>;
}
type Binary = { readonly buffer: Uint8Array };

/** MongoDB's protocol as far as MONGODB-AWS: the client signs a GetCallerIdentity that holds the server's nonce. */
export const mongodb =
  (
    { serialize, deserialize }: Bson,
    verify: (signed: { authorization: string; date: string; token: string; nonce: string }) => Promise<void>,
  ): Speak =>
  async (_, secure) => {
    const stream = secure();
    const [OP_REPLY, OP_QUERY, OP_MSG] = [1, 2004, 2013];
    let nonce = Buffer.alloc(0);
    const answer = async (command: Record<string, unknown>): Promise<object> => {
      const payload = Buffer.from((command.payload as Binary | undefined)?.buffer ?? []);
      if ("saslStart" in command) {
        const { r } = deserialize(payload) as { r: Binary };
        nonce = Buffer.concat([r.buffer, Buffer.alloc(32, 7)]);
        return {
          conversationId: 1,
          done: false,
          payload: Buffer.from(serialize({ s: nonce, h: "sts.amazonaws.com" })),
        };
      }
      if ("saslContinue" in command) {
        const { a, d, t } = deserialize(payload) as Record<string, string>;
        await verify({ authorization: a!, date: d!, token: t!, nonce: nonce.toString("base64") });
        return { conversationId: 1, done: true, payload: Buffer.alloc(0) };
      }
      const limits = { maxBsonObjectSize: 16_777_216, maxMessageSizeBytes: 48_000_000, maxWriteBatchSize: 100_000 };
      return { isWritablePrimary: true, helloOk: true, minWireVersion: 0, maxWireVersion: 25, ...limits };
    };
    for (;;) {
      const header = await read(stream, 16);
      const body = await read(stream, header.readInt32LE(0) - 16);
      const isQuery = header.readInt32LE(12) === OP_QUERY;
      // OP_QUERY: flags, the collection's name, two numbers. OP_MSG: flags, the kind of the first section.
      const command = deserialize(body.subarray(isQuery ? body.indexOf(0, 4) + 9 : 5));
      const document = Buffer.from(serialize({ ok: 1, ...(await answer(command)) }));
      const before = isQuery ? Buffer.concat([Buffer.alloc(16), int32le(1)]) : Buffer.alloc(5);
      const length = 16 + before.length + document.length;
      const reply = [length, 1, header.readInt32LE(4), isQuery ? OP_REPLY! : OP_MSG!].map(int32le);
      stream.write(Buffer.concat([...reply, before, document]));
    }
  };

/** Kafka's protocol as far as the list of topics, after a login with OAUTHBEARER. */
export const kafka =
  (host: string, port: number, verify: (token: string) => Promise<void>): Speak =>
  async (_, secure) => {
    const stream = secure();
    const string = (text: string) => Buffer.concat([int16(text.length), Buffer.from(text)]);
    const NULL = int16(-1);
    const [METADATA, SASL_HANDSHAKE, API_VERSIONS, SASL_AUTHENTICATE] = [3, 17, 18, 36];
    const versions = [METADATA, SASL_HANDSHAKE, API_VERSIONS, SASL_AUTHENTICATE].map((key) =>
      Buffer.concat([int16(key!), int16(0), int16(1)]),
    );
    const answer = async (key: number, version: number, request: Buffer): Promise<Buffer[]> => {
      if (key === API_VERSIONS)
        return [int16(0), int32(versions.length), ...versions, ...(version > 0 ? [int32(0)] : [])];
      if (key === SASL_HANDSHAKE) return [int16(0), int32(1), string("OAUTHBEARER")];
      if (key === SASL_AUTHENTICATE) {
        await verify(/auth=Bearer ([\w-]+)/.exec(request.toString())?.[1] ?? "");
        return [int16(0), NULL, int32(0), ...(version > 0 ? [Buffer.alloc(8)] : [])];
      }
      const brokers = [int32(1), int32(1), string(host), int32(port), NULL];
      return [...brokers, int32(1), int32(1), int16(0), string("orders"), Buffer.from([0]), int32(0)];
    };
    for (;;) {
      const request = await read(stream, (await read(stream, 4)).readInt32BE());
      const parts = await answer(request.readInt16BE(0), request.readInt16BE(2), request);
      const reply = Buffer.concat([request.subarray(4, 8), ...parts]);
      stream.write(Buffer.concat([int32(reply.length), reply]));
    }
  };
