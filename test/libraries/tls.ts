import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** A certificate for these names, and the file that NODE_EXTRA_CA_CERTS names. */
export interface Certificate {
  readonly key: Buffer;
  readonly cert: Buffer;
  readonly file: string;
}

export function makeCertificate(directory: string, names: readonly string[]): Certificate {
  const [keyFile, file] = [join(directory, "key.pem"), join(directory, "cert.pem")];
  const subject = ["-subj", "/CN=stand-in", "-addext", `subjectAltName=${names.map((name) => `DNS:${name}`).join()}`];
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", keyFile];
  execFileSync("openssl", ["req", "-x509", ...key, ...subject, "-days", "2", "-out", file], { stdio: "pipe" });
  return { key: readFileSync(keyFile), cert: readFileSync(file), file };
}
