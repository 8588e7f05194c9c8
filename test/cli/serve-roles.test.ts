import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createFreshRole } from "../../src/cli/serve-roles.js";
import type { GkeWorkloadIdentityEvent } from "../../src/index.js";
import { fakeIdTokenProvider, fakeRoleAssumer } from "../../src/testing/index.js";
import { ROLE_ARN } from "../support/two-clouds.js";

const MINUTE = 60_000;
const DENIED = Object.assign(new Error("Not authorized"), { name: "AccessDenied" });

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

/** A role whose sessions are made by a fake, with what it told. */
function startRole(onEvent?: (event: GkeWorkloadIdentityEvent) => void) {
  const assumer = fakeRoleAssumer();
  const stop = new AbortController();
  const told: string[] = [];
  const init = {
    roleArn: ROLE_ARN,
    idTokenProvider: fakeIdTokenProvider({ lifetimeSeconds: 1_000_000 }),
    roleAssumerWithWebIdentity: assumer,
    ...(onEvent && { onEvent }),
  };
  const role = createFreshRole("/roles/reader", init, { log: (text) => told.push(text), stop: stop.signal });
  return { role, assumer, stop, told };
}

describe("a role that is kept fresh", () => {
  it("has a new session when 20 to 30 minutes of an hour are left, although nobody asks", async () => {
    const { role, assumer } = startRole();
    await role.start();
    await vi.advanceTimersByTimeAsync(29 * MINUTE);
    expect(assumer.calls).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(12 * MINUTE);
    expect(assumer.calls).toHaveLength(2);
  });

  it("tells each failure and then their end, and nothing of a refresh that works", async () => {
    const { role, assumer, told } = startRole();
    await role.start();
    await vi.advanceTimersByTimeAsync(41 * MINUTE);
    expect(told).toEqual([]);
    assumer.failWith(DENIED, { times: 2 });
    await vi.advanceTimersByTimeAsync(60 * MINUTE);
    for (const [at, failure] of told.slice(0, 2).entries())
      expect(failure).toMatch(
        new RegExp(
          `^/roles/reader: STS_ACCESS_DENIED: .*\\nFailure ${at + 1} in a row\\. The old session is served until \\S+Z\\. Trying again in \\d+ s\\.\\n$`,
        ),
      );
    expect(told[2]).toMatch(/^\/roles\/reader: new session until \S+, after 2 failures\.\n$/);
    await vi.advanceTimersByTimeAsync(60 * MINUTE);
    expect(told).toHaveLength(3);
  });

  it("tells nothing more after the stop", async () => {
    const { role, assumer, stop, told } = startRole();
    await role.start();
    stop.abort();
    assumer.failWith(DENIED);
    await vi.advanceTimersByTimeAsync(59 * MINUTE);
    expect(assumer.calls.length).toBeGreaterThan(1);
    expect(told).toEqual([]);
  });

  it("passes its events on", async () => {
    const types: string[] = [];
    await startRole(({ type }) => types.push(type)).role.start();
    expect(types).toEqual(["refreshStarted", "refreshSucceeded"]);
  });
});
