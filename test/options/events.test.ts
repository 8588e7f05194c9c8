import { channel } from "node:diagnostics_channel";
import { describe, expect, it, vi } from "vitest";
import { createEmit, type GkeWorkloadIdentityEvent } from "../../src/options/events.js";

const event: GkeWorkloadIdentityEvent = { type: "stsRegionDefaulted", region: "us-east-1" };

describe("an event", () => {
  it("goes to the callback and to the diagnostics channel", () => {
    const onEvent = vi.fn();
    const onMessage = vi.fn();
    const events = channel("gke-aws-credentials");
    events.subscribe(onMessage);
    createEmit(onEvent)(event);
    events.unsubscribe(onMessage);
    createEmit(undefined)(event);
    expect(onEvent).toHaveBeenCalledExactlyOnceWith(event);
    expect(onMessage).toHaveBeenCalledExactlyOnceWith(event, "gke-aws-credentials");
  });

  it("does no harm when the callback throws or rejects", async () => {
    const unhandled = vi.fn();
    process.on("unhandledRejection", unhandled);
    const fail = () => {
      throw new Error("listener");
    };
    expect(() => createEmit(fail)(event)).not.toThrow();
    expect(() => createEmit(async () => fail())(event)).not.toThrow();
    await new Promise((resolve) => setImmediate(resolve));
    process.off("unhandledRejection", unhandled);
    expect(unhandled).not.toHaveBeenCalled();
  });
});
