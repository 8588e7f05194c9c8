import { randomUUID } from "node:crypto";
import { createFaultQueueOf, type FaultKinds, type FaultOptions } from "../lib/faults.js";
import { type Names, refuseUnknownOptions } from "../lib/refuse-unknown.js";
import { createAtomicVolume } from "./atomic-volume.js";

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

const FAULTS: FaultKinds<ProjectedTokenFault> = {
  expired: {},
  missing: {},
  empty: {},
  halfWritten: {},
  wrongAudience: { audience: true },
};
const OPTIONS: Names<ProjectedTokenOptions> = {
  namespace: true,
  serviceAccountName: true,
  audience: true,
  expirationSeconds: true,
  rotateEveryMs: true,
  directory: true,
};

type Mint = (claims: Readonly<Record<string, unknown>>) => string;

/** The claims of a service account's token (Kubernetes, `TokenRequest`). */
function claimsOf(options: ProjectedTokenOptions): Record<string, unknown> {
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

/** What stands in the file. */
function textOf(
  fault: ProjectedTokenFault | undefined,
  mint: Mint,
  claims: ReturnType<typeof claimsOf>,
  issuer: string,
): string {
  const now = Math.floor(Date.now() / 1000);
  switch (fault?.kind) {
    case "empty":
      return "";
    case "expired":
      return mint({ ...claims, iat: now - 7200, nbf: now - 7200, exp: now - 3600 });
    case "wrongAudience":
      return mint({ ...claims, aud: [fault.audience ?? issuer] });
    case "halfWritten": {
      const token = mint(claims);
      return token.slice(0, token.length / 2);
    }
    default:
      return mint(claims);
  }
}

/** Writes projected tokens to a file, as kubelet does. */
export function createProjectedToken(mint: Mint, issuer: string, options: ProjectedTokenOptions = {}): ProjectedToken {
  refuseUnknownOptions("projectToken", options, OPTIONS);
  const volume = createAtomicVolume("token", options.directory);
  const faults = createFaultQueueOf(FAULTS);
  let rotations = 0;

  const write = (): void => {
    const fault = faults.next();
    rotations += 1;
    if (fault?.kind === "missing") volume.remove();
    else volume.replace(textOf(fault, mint, claimsOf(options), issuer));
  };

  write();
  const timer = options.rotateEveryMs === undefined ? undefined : setInterval(write, options.rotateEveryMs);
  timer?.unref();
  const close = async (): Promise<void> => {
    clearInterval(timer);
    volume.dispose();
  };
  return {
    file: volume.file,
    rotate: write,
    rotations: () => rotations,
    injectFault: (fault, faultOptions) => {
      faults.inject(fault, faultOptions);
      write();
    },
    clearFaults: () => {
      faults.clear();
      write();
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
