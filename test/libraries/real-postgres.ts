import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import type { VerifyToken } from "./databases.js";
import type { Certificate } from "./tls.js";
import { read, startStandIn } from "./wire.js";

const DEBIAN = "/usr/lib/postgresql";

/** PostgreSQL as Debian has it, on loopback. */
export interface RealPostgres extends AsyncDisposable {
  readonly port: number;
  /** Ends all connections, and takes new ones a moment later. */
  readonly restart: () => Promise<void>;
}

/**
 * Starts PostgreSQL. RDS checks a token by a plugin that nobody else has. Here PostgreSQL asks an LDAP server whether the
 * password is right, as it can by itself, and that server verifies the token. So the login, TLS, the pool and the loss of
 * connections are real; what RDS does with a token is not.
 *
 * @returns undefined on a machine that does not have it.
 */
export async function startRealPostgres(
  certificate: Certificate,
  verify: VerifyToken,
): Promise<RealPostgres | undefined> {
  const version = existsSync(DEBIAN) ? readdirSync(DEBIAN).sort().at(-1) : undefined;
  if (version === undefined) return undefined;
  const bin = (name: string): string => join(DEBIAN, version, "bin", name);
  const directory = mkdtempSync(join(tmpdir(), "postgres-"));
  // PostgreSQL refuses to run as root.
  const owner = process.getuid?.() === 0 ? { uid: idOf("-u"), gid: idOf("-g") } : {};
  const own = (path: string): void => {
    if (owner.uid !== undefined) chownSync(path, owner.uid, owner.gid);
  };
  own(directory);
  const ldap = await startStandIn(certificate, (socket) => speakLdap(socket, verify));
  const port = await freePort();
  const data = join(directory, "data");
  execFileSync(bin("initdb"), ["-D", data, "-U", "app", "-A", "trust", "-N"], { ...owner, cwd: directory });
  const write = (name: string, text: string | Buffer): void => {
    writeFileSync(join(data, name), text);
    chmodSync(join(data, name), 0o600);
    own(join(data, name));
  };
  write("server.key", certificate.key);
  write("server.crt", certificate.cert);
  write(
    "pg_hba.conf",
    `hostssl all all 127.0.0.1/32 ldap ldapserver=127.0.0.1 ldapport=${ldap.port} ldapprefix="cn="\n`,
  );
  const settings = { port, listen_addresses: "127.0.0.1", unix_socket_directories: "", ssl: "on", fsync: "off" };
  const args = ["-D", data, ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`])];

  let server = await start(bin("postgres"), args, owner);
  return {
    port,
    restart: async () => {
      await stop(server);
      server = await start(bin("postgres"), args, owner);
    },
    [Symbol.asyncDispose]: async () => {
      await stop(server);
      await ldap[Symbol.asyncDispose]();
      rmSync(directory, { recursive: true });
    },
  };
}

const idOf = (kind: "-u" | "-g"): number => Number(execFileSync("id", [kind, "postgres"], { encoding: "utf8" }));

async function freePort(): Promise<number> {
  const server = createServer();
  await once(server.listen(0, "127.0.0.1"), "listening");
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address ? address.port : 0;
}

async function start(file: string, args: readonly string[], owner: object): Promise<ChildProcess> {
  const server = spawn(file, args, { ...owner, cwd: "/", stdio: ["ignore", "ignore", "pipe"] });
  let log = "";
  await new Promise<void>((resolve, reject) => {
    server.stderr?.on("data", (chunk) => {
      log += chunk;
      if (log.includes("ready to accept connections")) resolve();
    });
    server.once("exit", () => reject(new Error(log)));
  });
  return server;
}

/** SIGINT: PostgreSQL's fast shutdown, which ends its clients. */
async function stop(server: ChildProcess): Promise<void> {
  server.kill("SIGINT");
  if (server.exitCode === null) await once(server, "exit");
}

/** LDAP (RFC 4511) as far as a simple bind. */
async function speakLdap(socket: Duplex, verify: VerifyToken): Promise<void> {
  const element = async (): Promise<Buffer> => {
    const [, first = 0] = await read(socket, 2);
    const length = first < 0x80 ? first : (await read(socket, first - 0x80)).readUIntBE(0, first - 0x80);
    return read(socket, length);
  };
  for (;;) {
    const message = await element();
    const id = message[2] ?? 0;
    // [CONTEXT 0] is the password: the last element of a bind request. Its length has the long form, as all tokens are long.
    const password = /\x80\x82..(.*)$/s.exec(message.toString("latin1"))?.[1] ?? "";
    const [SUCCESS, INVALID_CREDENTIALS] = [0, 49];
    const code = await verify(password).then(
      () => SUCCESS,
      () => INVALID_CREDENTIALS,
    );
    socket.write(Buffer.from([0x30, 12, 2, 1, id, 0x61, 7, 10, 1, code!, 4, 0, 4, 0]));
  }
}
