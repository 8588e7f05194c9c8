/** Something answered at the metadata server's address, but not as Google's server does. */
export class ForeignAnswerError extends Error {
  override readonly name = "ForeignAnswerError";

  constructor(address: string, answer: string) {
    super(`something else answered in its place at ${address}: ${answer}.`);
  }
}

/** The metadata server answered with an HTTP error. */
export class MetadataStatusError extends Error {
  override readonly name = "MetadataStatusError";

  constructor(
    readonly status: number,
    text: string,
    /** How long the server asks to wait, by its header `Retry-After`. */
    readonly retryAfterMs: number | undefined,
  ) {
    super(text || `HTTP status ${status}`);
  }
}
