import { channel } from "node:diagnostics_channel";
import type { GkeWorkloadIdentityErrorCode } from "../errors/error.js";

/**
 * Why a refresh began. `empty`: there was no session yet. `ahead`: in the background.
 * `expiring`: requests wait for it. `forced`: by `forceRefresh`.
 */
export type RefreshReason = "empty" | "ahead" | "expiring" | "forced";

/** What every event says. */
interface EventOfRole<Type extends string> {
  /** Which event this is. */
  readonly type: Type;
  /** The role that the session is of; undefined where none is configured. */
  readonly roleArn: string | undefined;
}

/**
 * What a provider does in the background. Given to the option `onEvent`, and published on the
 * `node:diagnostics_channel` named `gke-aws-credentials`. No event holds a token or a key.
 */
export type GkeWorkloadIdentityEvent =
  | RefreshStartedEvent
  | RefreshSucceededEvent
  | RefreshFailedEvent
  | StaleServedEvent
  | StsRegionDefaultedEvent
  | StsRegionFailoverEvent;

interface EventOfRefresh<Type extends string> extends EventOfRole<Type> {
  /** Why the refresh began. */
  readonly reason: RefreshReason;
}

/** An acquisition of credentials began. */
export interface RefreshStartedEvent extends EventOfRefresh<"refreshStarted"> {}

/** New credentials are in the cache. */
export interface RefreshSucceededEvent extends EventOfRefresh<"refreshSucceeded"> {
  /** How long it took, in milliseconds. */
  readonly durationMs: number;
  /** When the new session ends. Credentials of the `fallback` without an end count as ten minutes. */
  readonly expiration: Date;
}

/** An acquisition failed. Requests are still served while `servedUntil` is in the future. */
export interface RefreshFailedEvent extends EventOfRefresh<"refreshFailed"> {
  /** How long it took to fail, in milliseconds. */
  readonly durationMs: number;
  /** Which failure it was. */
  readonly code: GkeWorkloadIdentityErrorCode;
  /** What happened, in one sentence. */
  readonly message: string;
  /** What to check, with the commands for it. */
  readonly hint: string;
  /** Failures in a row, this one included. */
  readonly failures: number;
  /** When the next try may start: by a request, or with `keepFresh` by the timer. */
  readonly nextRefreshAt: Date;
  /** Until when the cached credentials live; undefined where there are none left. */
  readonly servedUntil: Date | undefined;
}

/** After a failed refresh, a request was given the cached credentials. Told once a failure, not once a request. */
export interface StaleServedEvent extends EventOfRole<"staleServed"> {
  /** When the session that was served ends. */
  readonly expiration: Date;
}

/** No region was configured anywhere: the default region of the role's partition is used for STS. */
export interface StsRegionDefaultedEvent extends EventOfRole<"stsRegionDefaulted"> {
  /** The partition's default region, for example `us-east-1`. */
  readonly region: string;
}

/** A region of `stsRegions` did not answer: the next one is tried. */
export interface StsRegionFailoverEvent extends EventOfRole<"stsRegionFailover"> {
  /** The region that did not answer. */
  readonly from: string;
  /** The region that is tried next. */
  readonly to: string;
  /** How the first one failed. */
  readonly code: GkeWorkloadIdentityErrorCode;
}

/** An event as the module that it happens in knows it. */
export type EventWithoutRole<E = GkeWorkloadIdentityEvent> = E extends GkeWorkloadIdentityEvent
  ? Omit<E, "roleArn">
  : never;

export type Emit = (event: EventWithoutRole) => void;

/** Tells the channel and the user's callback. A callback that throws or rejects harms nothing. */
export function createEmit(
  onEvent: ((event: GkeWorkloadIdentityEvent) => unknown) | undefined,
  roleArn: () => string | undefined,
): Emit {
  const events = channel("gke-aws-credentials");
  return (eventWithoutRole) => {
    if (!onEvent && !events.hasSubscribers) return;
    const event = { ...eventWithoutRole, roleArn: roleArn() } as GkeWorkloadIdentityEvent;
    if (events.hasSubscribers) events.publish(event);
    try {
      Promise.resolve(onEvent?.(event)).catch(() => {});
    } catch {}
  };
}
