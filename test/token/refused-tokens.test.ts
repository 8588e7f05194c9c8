import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createError } from "../../src/errors/create-error.js";
import { startDeadline } from "../../src/lib/time.js";
import { fakeIdTokenProvider } from "../../src/testing/index.js";
import { checkToken, type WebIdentityToken } from "../../src/token/check-token.js";
import { skipRefusedTokens } from "../../src/token/token-source.js";

const audience = "sts.amazonaws.com";
const mint = async (sub: string): Promise<WebIdentityToken> =>
  checkToken(await fakeIdTokenProvider({ claims: { sub } }).fetchIdToken(audience), audience);

let old: WebIdentityToken;
let fresh: WebIdentityToken;
beforeEach(async () => {
  old = await mint("1");
  fresh = await mint("2");
  vi.useFakeTimers();
});
afterEach(() => vi.useRealTimers());

describe("skipRefusedTokens", () => {
  it("gives each token of the source when none was refused", async () => {
    const { fetch } = skipRefusedTokens(async () => old);
    expect(await fetch(startDeadline(1_000))).toBe(old);
    expect(await fetch(startDeadline(1_000))).toBe(old);
  });

  it("waits and asks again when the source gives the refused token, until it gives another", async () => {
    const times: number[] = [];
    const { fetch, refuse } = skipRefusedTokens(async () => {
      times.push(Date.now());
      return times.length < 6 ? old : fresh;
    });
    refuse(old.token);
    const found = fetch(startDeadline(30_000));
    await vi.runAllTimersAsync();
    expect(await found).toBe(fresh);
    expect(times).toHaveLength(6);
  });

  it("rejects with STS_EXPIRED_TOKEN when no other token comes in time, again for each request", async () => {
    const { fetch, refuse } = skipRefusedTokens(async () => old);
    refuse(old.token);
    const failures: unknown[] = [];
    for (let requests = 0; requests < 2; requests += 1) {
      const start = Date.now();
      const failed = fetch(startDeadline(5_000)).catch((error: unknown) => failures.push(error));
      await vi.runAllTimersAsync();
      await failed;
      expect(Date.now() - start).toBeLessThanOrEqual(5_100);
    }
    const message = expect.stringContaining("the source of tokens still gives the token that STS has refused.");
    const expired = expect.objectContaining({ code: "STS_EXPIRED_TOKEN", message });
    expect(failures).toEqual([expired, expired]);
    expect(failures[0]).not.toBe(failures[1]);
  });

  it("rejects at once when the source fails", async () => {
    const failure = createError("METADATA_TIMEOUT");
    const source = vi.fn(() => Promise.reject(failure));
    await expect(skipRefusedTokens(source).fetch(startDeadline(30_000))).rejects.toBe(failure);
    expect(source).toHaveBeenCalledTimes(1);
  });
});
