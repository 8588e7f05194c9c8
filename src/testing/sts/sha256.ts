import { createHash, createHmac } from "node:crypto";
import type { Checksum, ChecksumConstructor } from "@smithy/types";

/** Node's own SHA-256 and HMAC-SHA-256 in the shape that the SDK's signer takes. */
export const Sha256: ChecksumConstructor = class implements Checksum {
  readonly #hash: ReturnType<typeof createHash> | ReturnType<typeof createHmac>;

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash("sha256") : createHmac("sha256", toBytes(secret));
  }

  update(data: Uint8Array): void {
    this.#hash.update(data);
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }

  reset(): void {}
};

function toBytes(source: string | ArrayBuffer | ArrayBufferView): Uint8Array {
  if (typeof source === "string") return Buffer.from(source);
  return ArrayBuffer.isView(source)
    ? new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
    : new Uint8Array(source);
}

export const sha256Hex = (body: Uint8Array): string => createHash("sha256").update(body).digest("hex");
