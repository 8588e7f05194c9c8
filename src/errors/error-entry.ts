import type { ErrorDetails } from "./error-codes.js";

/** One row of the table of errors. */
export interface ErrorEntry {
  readonly message: (details: ErrorDetails) => string;
  /** What to do, in prose: first what may be wrong in this process, then what may be wrong elsewhere. */
  readonly hint: (details: ErrorDetails) => string;
  /** The commands for it, each fit to be pasted. */
  readonly commands?: (details: ErrorDetails) => readonly string[];
  /** What leads here, for the documentation. */
  readonly causes: readonly string[];
  readonly retryable: boolean;
  readonly tryNextLink: boolean;
}
