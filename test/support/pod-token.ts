import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");

/** A token in the form of a JWT, with a signature that nobody verifies. */
export const unsignedToken = (claims: object): string => `${encode({ alg: "RS256" })}.${encode(claims)}.c2ln`;

export interface PodDirectory extends AsyncDisposable {
  readonly directory: string;
}

/** A directory as Kubernetes mounts it into a pod, with this text as the pod's own token; without one where it is left out. */
export async function podDirectory(token?: string): Promise<PodDirectory> {
  const directory = await mkdtemp(join(tmpdir(), "pod-"));
  if (token !== undefined) await writeFile(join(directory, "token"), token);
  return { directory, [Symbol.asyncDispose]: () => rm(directory, { recursive: true }) };
}
