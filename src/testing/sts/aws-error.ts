/** An error as an AWS service answers it: code, text and HTTP status. */
export class AwsServiceError extends Error {
  /** `AwsServiceError`. */
  override readonly name = "AwsServiceError";

  /** Makes an error for a server of your own to answer. */
  constructor(
    /** AWS's code, for example `ExpiredToken`. */
    readonly code: string,
    message: string,
    /** The HTTP status. Default: 400. */
    readonly status: number = 400,
  ) {
    super(message);
  }
}
