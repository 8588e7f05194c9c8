import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createLog, type LogEntry } from "../../src/cli/output.js";
import { createFreshRole, type FreshRoleInit } from "../../src/cli/serve-roles.js";
import { fakeIdTokenProvider, fakeRoleAssumer } from "../../src/testing/index.js";
import { ROLE_ARN } from "../support/two-clouds.js";

const MINUTE = 60_000;
const DENIED = Object.assign(new Error("Not authorized"), {
  name: "AccessDenied",
  $metadata: { httpStatusCode: 403 },
});
const UNAVAILABLE = Object.assign(new Error("Service Unavailable"), { $metadata: { httpStatusCode: 503 } });

let stop: AbortController;
beforeEach(() => {
  stop = new AbortController();
  vi.useFakeTimers();
});
afterEach(() => {
  stop.abort();
  vi.useRealTimers();
});

/** A role whose sessions are made by a fake, with what it logged. */
function startRole({ failure, ...more }: Partial<FreshRoleInit> & { failure?: Error } = {}) {
  const assumer = fakeRoleAssumer();
  if (failure) assumer.failWith(failure);
  const logged: LogEntry[] = [];
  const init = {
    roleArn: ROLE_ARN,
    idTokenProvider: fakeIdTokenProvider({ lifetimeSeconds: 1_000_000 }),
    roleAssumerWithWebIdentity: assumer,
  };
  const log = (_: unknown, entry: LogEntry) => void logged.push(entry);
  const role = createFreshRole("/roles/reader", init, { log, stop: stop.signal, ...more });
  return { role, assumer, logged };
}

describe("a role that is kept fresh", () => {
  it("has a new session when 20 to 30 minutes of an hour are left, although nobody asks", async () => {
    const { role, assumer } = startRole();
    await role.session();
    await vi.advanceTimersByTimeAsync(29 * MINUTE);
    expect(assumer.calls).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(12 * MINUTE);
    expect(assumer.calls).toHaveLength(2);
  });

  it("logs each new session, and each failure with its code, the served session's end and the next try", async () => {
    const { role, assumer, logged } = startRole();
    await role.session();
    expect(logged).toEqual([
      { severity: "INFO", message: expect.stringMatching(/^New session until \S+Z\.$/), servedUntil: expect.any(Date) },
    ]);
    assumer.failWith(DENIED, { times: 2 });
    await vi.advanceTimersByTimeAsync(50 * MINUTE);
    const failure = { severity: "WARNING", code: "STS_ACCESS_DENIED", servedUntil: expect.any(Date) };
    expect(logged.slice(1, 4)).toEqual([
      { ...failure, message: expect.any(String), hint: expect.any(String), nextTryAt: expect.any(Date) },
      { ...failure, message: expect.stringMatching(/Failure 2 in a row\.$/), nextTryAt: expect.any(Date) },
      expect.objectContaining({ severity: "INFO", message: expect.stringMatching(/, after 2 failures\.$/) }),
    ]);
    expect(role.history).toMatchObject({ failuresInARow: 0, failed: { count: 2 }, succeeded: { count: 2 } });
  });

  it("is told of in one line for each entry, with the end of the served session, when the log is text", async () => {
    vi.setSystemTime("2026-11-29T12:00:00Z");
    let text = "";
    const log = createLog({ stderr: { write: (line) => (text += line) } }, "text");
    const { role, assumer } = startRole({ log });
    await role.session();
    assumer.failWith(DENIED, { times: 1 });
    await vi.advanceTimersByTimeAsync(45 * MINUTE);
    expect(text).toMatch(
      /^\/roles\/reader: New session until 2026-11-29T13:00:00\S+Z\.\n.*STS_ACCESS_DENIED\] The old session is served until 2026-11-29T13:00:00\S+Z\. Trying again in \d+ s\. 1\. .+ 2\. .+\n.* after 1 failure\.\n$/,
    );
  });

  it("tries again when it said so, also when no session is left", async () => {
    const { assumer, logged } = startRole({ failure: UNAVAILABLE });
    const triedAt: number[] = [];
    for (let calls = 0; triedAt.length < 6; ) {
      await vi.advanceTimersByTimeAsync(100);
      if (assumer.calls.length > calls) triedAt.push(Date.now());
      calls = assumer.calls.length;
    }
    const said = logged.map(({ severity, servedUntil, nextTryAt }) => {
      expect([severity, servedUntil]).toEqual(["ERROR", undefined]);
      return nextTryAt!.getTime();
    });
    for (const [index, at] of triedAt.slice(1).entries()) expect(Math.abs(at - said[index]!)).toBeLessThan(200);
  });

  it("asks STS at most six times a minute when it answers 503 and no session is left, whatever clients ask", async () => {
    const { role, assumer } = startRole({ failure: UNAVAILABLE });
    for (let minute = 1; minute <= 5; minute += 1) {
      const before = assumer.calls.length;
      for (let second = 0; second < 60; second += 1) {
        await role.session().catch(() => {});
        await vi.advanceTimersByTimeAsync(1_000);
      }
      const calls = assumer.calls.length - before;
      expect([minute, calls > 2 && calls <= 6]).toEqual([minute, true]);
    }
  });

  it("asks again within some seconds when STS cannot be reached", async () => {
    const refused = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
    const { assumer } = startRole({ failure: refused });
    await vi.advanceTimersByTimeAsync(MINUTE);
    expect(assumer.calls.length).toBeGreaterThan(6);
  });

  it("serves the session to its end, then the last failure, and starts no call for it", async () => {
    const { role, assumer } = startRole();
    await role.session();
    assumer.failWith(UNAVAILABLE);
    await vi.advanceTimersByTimeAsync(58 * MINUTE);
    expect((await role.session()).accessKeyId).toMatch(/^ASIA/);
    await vi.advanceTimersByTimeAsync(2 * MINUTE);
    const calls = assumer.calls.length;
    await expect(role.session()).rejects.toMatchObject({ code: "STS_UNREACHABLE" });
    expect([role.endsAt(), assumer.calls.length]).toEqual([0, calls]);
  });

  it("serves no session for longer than it was asked for when the clock is behind", async () => {
    const first = { accessKeyId: "ASIA", secretAccessKey: "x", sessionToken: "x", accountId: "123456789012" };
    const { role } = startRole({ first: { ...first, expiration: new Date(Date.now() + 180 * MINUTE) } });
    expect(role.endsAt() - Date.now()).toBe(60 * MINUTE);
  });

  it("gets a new session at once when it is asked to, and serves the old one meanwhile", async () => {
    const { role, assumer } = startRole();
    await role.session();
    await vi.advanceTimersByTimeAsync(5_000);
    role.refreshNow();
    expect((await role.session()).accessKeyId).toMatch(/^ASIA/);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(assumer.calls).toHaveLength(2);
  });

  it("logs nothing more after the stop", async () => {
    const { logged } = startRole({ failure: DENIED });
    stop.abort();
    await vi.advanceTimersByTimeAsync(MINUTE);
    expect(logged).toEqual([]);
  });
});
