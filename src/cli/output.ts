/** Where a command writes: its result to stdout, all else to stderr. And when one that goes on is to end. */
export interface Output {
  readonly stdout: {
    readonly write: (text: string) => unknown;
    readonly isTTY?: boolean;
    readonly hasColors?: () => boolean;
  };
  readonly stderr: { readonly write: (text: string) => unknown };
  /** With `onHangup`, SIGHUP calls it and does not end the command, unless the terminal has been closed. */
  readonly untilStopped: (onHangup?: () => void) => Promise<void>;
}
