import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { AssumeRoleWithWebIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import type { TestProject } from "vitest/node";
import { startGoogleMetadataServer } from "../../src/testing/index.js";
import { startRadosGateway } from "../e2e/rgw/radosgw.js";
import { ADMINISTRATOR, createTrustedRole } from "../e2e/rgw/trusted-role.js";

declare module "vitest" {
  interface ProvidedContext {
    /** Ceph's S3 and STS. */
    gatewayUrl: string;
    metadataHost: string;
    /** The compiled programs/s3.go. */
    goProgram: string;
    /** PEM, and the files of the same: for loopback and for AWS's STS. */
    tls: { key: string; cert: string; certFile: string };
  }
}

const run = promisify(execFile);
const UNIQUE_ID = "111035977024964273138";

/** What all files of this suite share, once: the gateway with a role and a bucket, Google, a certificate, the Go program. */
export async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const directory = await mkdtemp(join(tmpdir(), "clients-"));
  const metadata = await startGoogleMetadataServer({ issuer: (url) => url });
  const [gateway, tls, goProgram] = await Promise.all([
    startRadosGateway(),
    createCertificate(directory),
    compileGoProgram(directory),
  ]);
  await createTrustedRole(gateway.url, {
    name: "reader",
    issuer: metadata,
    clientIds: ["sts.amazonaws.com", UNIQUE_ID],
    conditions: { sub: UNIQUE_ID },
  });
  const administrator = {
    region: "us-east-1",
    endpoint: gateway.url,
    forcePathStyle: true,
    credentials: ADMINISTRATOR,
  };
  await new S3Client(administrator).send(new CreateBucketCommand({ Bucket: "orders" }));
  // RGW makes a user for the token's subject at the first call. Two first calls at once disturb each other.
  await new STSClient({ region: "us-east-1", endpoint: gateway.url }).send(
    new AssumeRoleWithWebIdentityCommand({
      RoleArn: "arn:aws:iam:::role/reader",
      RoleSessionName: "first",
      WebIdentityToken: metadata.mintIdToken({ aud: "sts.amazonaws.com" }),
    }),
  );
  provide("gatewayUrl", gateway.url);
  provide("metadataHost", metadata.host);
  provide("goProgram", goProgram);
  provide("tls", tls);
  return async () => {
    await Promise.all([gateway[Symbol.asyncDispose](), metadata.close(), rm(directory, { recursive: true })]);
  };
}

async function createCertificate(directory: string) {
  const [keyFile, certFile] = [join(directory, "key.pem"), join(directory, "cert.pem")];
  const names = "subjectAltName=IP:127.0.0.1,DNS:sts.amazonaws.com,DNS:sts.eu-west-3.amazonaws.com,DNS:s3.example";
  const kind = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=loopback", "-addext", names];
  await run("openssl", ["req", ...kind, "-keyout", keyFile, "-out", certFile]);
  return { key: await readFile(keyFile, "utf8"), cert: await readFile(certFile, "utf8"), certFile };
}

/** From the packages that Debian installs as sources: nothing is downloaded. */
async function compileGoProgram(directory: string): Promise<string> {
  const program = join(directory, "s3");
  const env = { GO111MODULE: "off", GOPATH: "/usr/share/gocode", CGO_ENABLED: "0", GOFLAGS: "" };
  const source = join(import.meta.dirname, "programs", "s3.go");
  await run("go", ["build", "-o", program, source], { env: { ...process.env, ...env } });
  return program;
}
