import { inspect } from "node:util";
import { expect, it, vi } from "vitest";
import type { GkeWorkloadIdentityEvent } from "../../src/index.js";
import { fakeIdTokenProvider } from "../../src/testing/index.js";
import { failureOf, provide } from "../support/provide.js";
import { startTwoClouds } from "../support/two-clouds.js";

/** Whether a text shows a piece of a token that is longer than its header, which is no secret. */
const showsPiece = (text: string, token: string): boolean => {
  const [, claims = "", signature = ""] = token.split(".");
  return [claims, signature].some((part) => part.length > 24 && text.includes(part.slice(-24)));
};

/** Everything that a log may hold of a failure, and of the event that tells it. */
async function shownBy(init: Parameters<typeof provide>[0] = {}): Promise<string> {
  const events: GkeWorkloadIdentityEvent[] = [];
  const error = await failureOf(provide({ ...init, onEvent: (event) => events.push(event) }));
  return [
    error.message,
    error.hint,
    error.stack,
    inspect(error, { depth: 20, showHidden: true, maxStringLength: null }),
    JSON.stringify(events),
  ].join("\n");
}

it("an error shows neither the token nor another one when STS quotes both", async () => {
  await using clouds = await startTwoClouds();
  // It begins as the token itself does: the same header, the same first claims.
  const other = clouds.metadata.mintIdToken({ jti: "of-another-service" });
  const own = clouds.metadata.mintIdToken();
  clouds.metadata.injectFault({ kind: "garbage", body: own });
  const message = `cannot use ${other}, nor ${own} (${encodeURIComponent(own)})`;
  clouds.sts.injectFault({ kind: "error", code: "InvalidIdentityToken", message });
  const shown = await shownBy();
  expect(shown).toContain("cannot use [redacted]");
  for (const token of [other, own]) expect(showsPiece(shown, token)).toBe(false);
});

const SESSION = "<SecretAccessKey>sEcReT</SecretAccessKey><SessionToken>tOkEn</SessionToken>";

it.each([
  ["a page", (token: string) => `<html>${token}${SESSION}</html>`],
  ["half a session", () => `<AssumeRoleWithWebIdentityResponse><Credentials>${SESSION}`],
])("an error shows neither the token nor a session when STS sends both in %s", async (_, bodyWith) => {
  await using clouds = await startTwoClouds();
  const token = clouds.metadata.mintIdToken();
  clouds.sts.injectFault({ kind: "garbage", body: bodyWith(token) });
  const shown = await shownBy({ idTokenProvider: { fetchIdToken: async () => token } });
  expect(shown).not.toMatch(/sEcReT|tOkEn/);
  expect(showsPiece(shown, token)).toBe(false);
});

it("an error shows no token when the metadata server, or an idTokenProvider, quotes one", async () => {
  await using clouds = await startTwoClouds();
  const token = clouds.metadata.mintIdToken();
  clouds.metadata.injectFault({ kind: "status", status: 403, body: `cannot use ${token}` });
  const idTokenProvider = fakeIdTokenProvider();
  vi.spyOn(idTokenProvider, "fetchIdToken").mockRejectedValue(new Error(`cannot use ${token}`));
  for (const init of [{}, { idTokenProvider }]) {
    const shown = await shownBy(init);
    expect(shown).toContain("cannot use [redacted]");
    expect(showsPiece(shown, token)).toBe(false);
  }
});
