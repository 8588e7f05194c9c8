/**
 * Why a refresh began. `empty`: there was no session yet. `ahead`: in the background.
 * `expiring`: requests wait for it. `forced`: by `forceRefresh`.
 */
export type RefreshReason = "empty" | "ahead" | "expiring" | "forced";
