import { channel } from "node:diagnostics_channel";
import { describe, expect, it, vi } from "vitest";
import { createEmit, type GkeWorkloadIdentityEvent } from "../../src/options/events.js";

const event = { type: "stsRegionDefaulted", region: "us-east-1" } as const;
const roleArn = "arn:aws:iam::123456789012:role/reader";
const emit = (onEvent?: (event: GkeWorkloadIdentityEvent) => unknown) => createEmit(onEvent, () => roleArn)(event);

describe("an event", () => {
  it("goes with its role to the callback and to the diagnostics channel", () => {
    const onEvent = vi.fn();
    const onMessage = vi.fn();
    const events = channel("gke-aws-credentials");
    events.subscribe(onMessage);
    emit(onEvent);
    events.unsubscribe(onMessage);
    emit();
    expect(onEvent).toHaveBeenCalledExactlyOnceWith({ ...event, roleArn });
    expect(onMessage).toHaveBeenCalledExactlyOnceWith({ ...event, roleArn }, "gke-aws-credentials");
  });

  it("does no harm when the callback throws or rejects", async () => {
    const unhandled = vi.fn();
    process.on("unhandledRejection", unhandled);
    const fail = () => {
      throw new Error("listener");
    };
    expect(() => emit(fail)).not.toThrow();
    expect(() => emit(async () => fail())).not.toThrow();
    await new Promise((resolve) => setImmediate(resolve));
    process.off("unhandledRejection", unhandled);
    expect(unhandled).not.toHaveBeenCalled();
  });
});
