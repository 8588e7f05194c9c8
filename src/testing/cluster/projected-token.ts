import { randomUUID } from "node:crypto";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { createFaultQueue, type FaultOptions } from "../lib/faults.js";
import { refuseUnknownOptions } from "../lib/refuse-unknown.js";

/** What can be wrong with a projected token's file. */
export type ProjectedTokenFault =
  | {
      /** The token ended an hour ago: kubelet does not renew it. */
      readonly kind: "expired";
    }
  | {
      /** There is no file. */
      readonly kind: "missing";
    }
  | {
      /** The file is empty. */
      readonly kind: "empty";
    }
  | {
      /** The file holds the first half of a token, as when a program overwrites it while it is read. */
      readonly kind: "halfWritten";
    }
  | {
      /** The token is for another audience. */
      readonly kind: "wrongAudience";
      /** The audience. Default: the issuer itself, as in the token that Kubernetes mounts by itself for its own API. */
      readonly audience?: string | undefined;
    };

/** Options of `projectToken()`: what a pod's manifest says. */
export interface ProjectedTokenOptions {
  /** The pod's namespace. Default: `default`. */
  readonly namespace?: string | undefined;
  /** The pod's service account. Default: `default`. */
  readonly serviceAccountName?: string | undefined;
  /** The volume's `audience`. Default: `sts.amazonaws.com`. */
  readonly audience?: string | undefined;
  /** The volume's `expirationSeconds`. Default: 3600. Kubernetes takes 600 at least; a test may want less. */
  readonly expirationSeconds?: number | undefined;
  /** Writes a new token each time that so many milliseconds have passed. Default: never; see `rotate()`. */
  readonly rotateEveryMs?: number | undefined;
  /** Where to write it. Default: a new directory, deleted at the end. */
  readonly directory?: string | undefined;
}

/** A projected token in a file. End it with `close()` or `await using`. */
export interface ProjectedToken extends AsyncDisposable {
  /** The value for `AWS_WEB_IDENTITY_TOKEN_FILE`. */
  readonly file: string;
  /** Writes a new token, as kubelet does when 80 % of a token's life is over. */
  readonly rotate: () => void;
  /** How many times the file was written so far. */
  readonly rotations: () => number;
  /**
   * Writes a file with this fault at once. It lasts until `clearFaults()`, or for `times` rotations, this write being the
   * first.
   */
  readonly injectFault: (fault: ProjectedTokenFault, options?: FaultOptions) => void;
  /** Ends all faults, and writes a good token at once. */
  readonly clearFaults: () => void;
  /** Stops the rotation and deletes the file. */
  readonly close: () => Promise<void>;
}

/**
 * Makes a volume with the file `token`, written as kubelet writes a projected volume: the text to a new directory, to which
 * the symbolic link `..data` is turned in one step. The file that the pod reads is itself a link into `..data`, so a reader
 * sees the old text or the new one.
 *
 * @see https://github.com/kubernetes/kubernetes/blob/master/pkg/volume/util/atomic_writer.go
 */
function createAtomicVolume(directory: string | undefined) {
  const root = directory ?? mkdtempSync(join(tmpdir(), "projected-token-"));
  mkdirSync(root, { recursive: true });
  const file = join(root, "token");
  const data = join(root, "..data");
  let current: string | undefined;

  const remove = (): void => {
    for (const path of [file, data, current]) if (path) rmSync(path, { recursive: true, force: true });
    current = undefined;
  };
  const replace = (text: string): void => {
    const next = mkdtempSync(join(root, `..${new Date().toISOString().replace(/\W/g, "_")}.`));
    writeFileSync(join(next, "token"), text, { mode: 0o644 });
    symlinkSync(basename(next), join(root, "..data_tmp"));
    renameSync(join(root, "..data_tmp"), data);
    if (current) rmSync(current, { recursive: true, force: true });
    else symlinkSync(join("..data", "token"), file);
    current = next;
  };
  const dispose = (): void => {
    remove();
    if (directory === undefined) rmSync(root, { recursive: true, force: true });
  };
  return { file, remove, replace, dispose };
}

/** The claims of a service account's token (Kubernetes, `TokenRequest`). */
function claimsOf(options: ProjectedTokenOptions) {
  const { namespace = "default", serviceAccountName = "default" } = options;
  const { audience = "sts.amazonaws.com", expirationSeconds = 3600 } = options;
  const issuedAt = Math.floor(Date.now() / 1000);
  return {
    aud: [audience],
    exp: issuedAt + expirationSeconds,
    iat: issuedAt,
    jti: randomUUID(),
    "kubernetes.io": {
      namespace,
      node: { name: "gke-node-1", uid: "3f7a1de4-6b6f-4c2e-9a53-0f3b9f3c5f11" },
      pod: { name: `${serviceAccountName}-0`, uid: "9d3a5a1e-9d55-4a6e-8f5e-0a7f4b0c9b22" },
      serviceaccount: { name: serviceAccountName, uid: "c1b6f7a0-5a7c-4f33-8b8e-6f4b0d1e2a33" },
    },
    nbf: issuedAt,
    sub: `system:serviceaccount:${namespace}:${serviceAccountName}`,
  };
}

/** Writes projected tokens to a file, as kubelet does. */
export function createProjectedToken(
  mint: (claims: Readonly<Record<string, unknown>>) => string,
  issuer: string,
  options: ProjectedTokenOptions = {},
): ProjectedToken {
  const names = [
    "namespace",
    "serviceAccountName",
    "audience",
    "expirationSeconds",
    "rotateEveryMs",
    "directory",
  ] as const;
  refuseUnknownOptions("projectToken", options, names);
  const { next, ...faults } = createFaultQueue<ProjectedTokenFault>({
    expired: [],
    missing: [],
    empty: [],
    halfWritten: [],
    wrongAudience: ["audience"],
  });
  const volume = createAtomicVolume(options.directory);
  let rotations = 0;

  /** What stands in the file; undefined where there is none. */
  const nextText = (): string | undefined => {
    const fault = next();
    const claims = claimsOf(options);
    switch (fault?.kind) {
      case "missing":
        return undefined;
      case "empty":
        return "";
      case "expired":
        return mint({ ...claims, iat: claims.iat - 7200, nbf: claims.iat - 7200, exp: claims.iat - 3600 });
      case "wrongAudience":
        return mint({ ...claims, aud: [fault.audience ?? issuer] });
      case "halfWritten": {
        const token = mint(claims);
        return token.slice(0, token.length / 2);
      }
      default:
        return mint(claims);
    }
  };
  const write = (): void => {
    const text = nextText();
    rotations += 1;
    if (text === undefined) volume.remove();
    else volume.replace(text);
  };

  write();
  const timer = options.rotateEveryMs === undefined ? undefined : setInterval(write, options.rotateEveryMs).unref();
  const close = async (): Promise<void> => {
    clearInterval(timer);
    volume.dispose();
  };
  return {
    file: volume.file,
    rotate: write,
    rotations: () => rotations,
    injectFault: (fault, faultOptions) => {
      faults.injectFault(fault, faultOptions);
      write();
    },
    clearFaults: () => {
      faults.clearFaults();
      write();
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
