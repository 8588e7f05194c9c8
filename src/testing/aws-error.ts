/** An error as an AWS service answers it: code, text and HTTP status. */
export class AwsServiceError extends Error {
  override readonly name = "AwsServiceError";

  constructor(
    readonly code: string,
    message: string,
    readonly status: number = 400,
  ) {
    super(message);
  }
}
