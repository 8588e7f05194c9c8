import { resolve } from "node:path";
import type { CredentialsServer } from "./credentials-server.js";

/** One role that is served: what a client of it must know. */
export interface Served {
  readonly uri: string;
  readonly token: string;
  /** Absolute; undefined where the token is printed. */
  readonly tokenFile: string | undefined;
  /** What the names of its variables end with: `_READER` for the role `reader`, nothing for the main role. */
  readonly suffix: string;
}

/** `_READER` for `reader`: what may be the end of a variable's name. */
export const toVariable = (name: string): string => `_${name.toUpperCase().replace(/[^A-Z0-9]/g, "_")}`;

/**
 * What to print and to write for each role. No variable has two values: the main role (that of the argument or of
 * `AWS_ROLE_ARN`, else the only one there is) has the variables that the SDKs read, a named role has its own.
 */
export function describeServed(
  { port, authorizations }: Pick<CredentialsServer, "port" | "authorizations">,
  tokenFile: string | undefined,
): readonly Served[] {
  return [...authorizations].map(([path, token]) => {
    const name = path.replace(/^\/(roles\/)?/, "");
    const isMain = name === "" || authorizations.size === 1;
    const file = isMain ? tokenFile : `${tokenFile}.${name}`;
    return {
      uri: `http://127.0.0.1:${port}${path}`,
      token,
      tokenFile: tokenFile === undefined || file === undefined ? undefined : resolve(file),
      suffix: isMain ? "" : toVariable(name),
    };
  });
}
