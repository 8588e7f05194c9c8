import type { RefreshReason } from "../lib/refresh-reason.js";

export type CacheEvent =
  | { readonly type: "refreshStarted"; readonly reason: RefreshReason }
  | {
      readonly type: "refreshSucceeded";
      readonly reason: RefreshReason;
      readonly durationMs: number;
      readonly expiration: Date;
    }
  | {
      readonly type: "refreshFailed";
      readonly reason: RefreshReason;
      readonly durationMs: number;
      readonly error: unknown;
      readonly failures: number;
      readonly nextRefreshAt: Date;
      readonly servedUntil: Date | undefined;
    }
  | { readonly type: "staleServed"; readonly expiration: Date };
