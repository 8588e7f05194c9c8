import { createHash, createHmac } from "node:crypto";
import type { ChecksumConstructor } from "@smithy/types";

/** Node's own SHA-256 in the shape that the SDK's signer takes. */
export const Sha256 = class {
  readonly #hash;

  constructor(secret?: Uint8Array | string) {
    this.#hash = secret === undefined ? createHash("sha256") : createHmac("sha256", secret);
  }

  update(data: Uint8Array): void {
    this.#hash.update(data);
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }

  reset(): void {}
} as unknown as ChecksumConstructor;
