import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, connect, type Socket } from "node:net";

export interface Call {
  readonly method: string;
  /** As sent: absolute where the client takes the recorder for a proxy. */
  readonly url: string;
  readonly host: string;
  /** Of the signature; undefined where the request is not signed by AWS's version 4. */
  readonly accessKeyId: string | undefined;
  readonly region: string | undefined;
  /** The token of a request that carries one in place of a signature. */
  readonly bearer: string | undefined;
  readonly userAgent: string;
  readonly tls: boolean;
}

/** Passes requests on to a gateway and writes them down; also as an HTTP proxy, and in place of any TLS host. */
export interface Recorder extends AsyncDisposable {
  readonly url: string;
  readonly tlsUrl: string;
  readonly s3: readonly Call[];
  /** The access keys of the sessions that STS gave, in order. */
  readonly sessions: readonly string[];
  /** The hosts that clients asked the proxy for. */
  readonly tunnels: readonly string[];
}

export interface RecorderOptions {
  readonly gateway: string;
  /** PEM. */
  readonly key: string;
  readonly cert: string;
  /** Whether S3 answers nothing but 503. */
  readonly isS3Down?: boolean;
}

export async function startRecorder({ gateway, key, cert, isS3Down = false }: RecorderOptions): Promise<Recorder> {
  const s3: Call[] = [];
  const sessions: string[] = [];
  const tunnels: string[] = [];
  const sockets = new Set<Socket>();

  const answer = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await readAll(incoming);
    const isSts = `${incoming.url} ${body.toString("latin1")}`.includes("Action=AssumeRole");
    if (!isSts) {
      s3.push(toCall(incoming));
      if (isS3Down) return void response.writeHead(503).end();
    }
    const { status, headers, text } = await passOn(gateway, incoming, body);
    let answered = text;
    if (isSts) {
      sessions.push(/<AccessKeyId>([^<]+)/.exec(text.toString())?.[1] ?? `refused with ${status}`);
      answered = withNamespace(text);
      headers["content-length"] = String(answered.length);
    }
    response.writeHead(status, headers).end(answered);
  };
  const handle = (incoming: IncomingMessage, response: ServerResponse): void => {
    answer(incoming, response).catch(() => response.destroy());
  };
  const plain = createServer(handle);
  const tls = createTlsServer({ key, cert }, handle);
  const [port, tlsPort] = await Promise.all([listen(plain), listen(tls)]);
  plain.on("connect", (incoming: IncomingMessage, socket: Socket) => {
    tunnels.push(incoming.url ?? "");
    const inner = connect(tlsPort, "127.0.0.1", () => socket.write("HTTP/1.1 200 OK\r\n\r\n"));
    for (const end of [socket, inner]) {
      sockets.add(end);
      end.on("error", () => {});
    }
    socket.pipe(inner).pipe(socket);
  });
  const close = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    for (const server of [plain, tls]) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  };
  const urls = { url: `http://127.0.0.1:${port}`, tlsUrl: `https://127.0.0.1:${tlsPort}` };
  return { ...urls, s3, sessions, tunnels, [Symbol.asyncDispose]: close };
}

function toCall({ method = "", url = "", headers, socket }: IncomingMessage): Call {
  const { authorization = "", host = "", "user-agent": userAgent = "" } = headers;
  const [, accessKeyId, region] = /Credential=([^/]+)\/\d+\/([^/]+)\//.exec(authorization) ?? [];
  const bearer = /^Bearer (.+)/.exec(authorization)?.[1];
  return { method, url, host, accessKeyId, region, bearer, userAgent, tls: "encrypted" in socket };
}

/** RGW leaves the namespace out that AWS's STS names, and minio-go reads no answer without it. */
const withNamespace = (text: Buffer): Buffer =>
  Buffer.from(
    text
      .toString()
      .replace(/<(AssumeRoleWithWebIdentityResponse)>/, '<$1 xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'),
  );

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

async function readAll(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** With the client's own `Host`, which is signed. */
function passOn(gateway: string, incoming: IncomingMessage, body: Buffer) {
  const { pathname, search } = new URL(incoming.url ?? "/", gateway);
  const { expect: _, connection: __, "transfer-encoding": ___, ...headers } = incoming.headers;
  const length = body.length > 0 || headers["content-length"] !== undefined ? { "content-length": body.length } : {};
  const options = { method: incoming.method ?? "GET", path: pathname + search, headers: { ...headers, ...length } };
  return new Promise<{ status: number; headers: IncomingMessage["headers"]; text: Buffer }>((resolve, reject) => {
    const outgoing = request(gateway, options, async (reply) => {
      const { connection: _connection, "transfer-encoding": _encoding, ...rest } = reply.headers;
      resolve({ status: reply.statusCode ?? 502, headers: rest, text: await readAll(reply) });
    });
    outgoing.on("error", reject).end(body);
  });
}
