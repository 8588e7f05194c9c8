import { once } from "node:events";
import { type AddressInfo, createServer as createTcpServer, type Socket } from "node:net";
import type { Duplex, Readable } from "node:stream";
import { TLSSocket } from "node:tls";
import type { Certificate } from "./tls.js";

/** A server on loopback that speaks a protocol of its own. */
export interface StandIn extends AsyncDisposable {
  readonly port: number;
}

/** Speaks with one client until it goes. `secure` goes on with TLS: at once, or where the protocol says so. */
export type Speak = (socket: Duplex, secure: () => Duplex) => Promise<void>;

export async function startStandIn(certificate: Certificate, speak: Speak): Promise<StandIn> {
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    const secure = () => {
      const inner = new TLSSocket(socket, { isServer: true, key: certificate.key, cert: certificate.cert });
      return inner.on("error", () => socket.destroy());
    };
    socket.on("error", () => undefined).once("close", () => sockets.delete(socket));
    speak(socket, secure).catch(() => socket.destroy());
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

/** The next bytes, this many. Fails when the client has gone. */
export async function read(stream: Readable, bytes: number): Promise<Buffer> {
  if (bytes === 0) return Buffer.alloc(0);
  for (;;) {
    const chunk: Buffer | null = stream.read(bytes);
    if (chunk?.length === bytes) return chunk;
    if (chunk !== null || stream.readableEnded || stream.destroyed) throw new Error("the client has gone");
    await once(stream, "readable");
  }
}

export const int16 = (value: number): Buffer => {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
};
export const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};
export const int32le = (value: number): Buffer => Buffer.from(int32(value)).reverse();
