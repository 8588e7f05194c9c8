import { createHash, createHmac } from "node:crypto";
import type { ChecksumConstructor } from "@smithy/types";

/** Node's own SHA-256 and HMAC-SHA-256 in the shape that the SDK's signer takes. */
export const Sha256 = function (this: object, secret?: string | Uint8Array) {
  const hash = secret === undefined ? createHash("sha256") : createHmac("sha256", secret);
  return { update: (data: Uint8Array) => void hash.update(data), digest: async () => hash.digest(), reset: () => {} };
} as unknown as ChecksumConstructor;
