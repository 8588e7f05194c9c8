import { expect, vi } from "vitest";
import type { RunningProgram } from "./run-node.js";

/** The variables that a server has printed. */
export const variablesOf = (stdout: string) => ({
  uris: [...stdout.matchAll(/^AWS_CONTAINER_CREDENTIALS_FULL_URI\w*=(.*)$/gm)].map(([, uri = ""]) => uri),
  token: /^AWS_CONTAINER_AUTHORIZATION_TOKEN=(.*)$/m.exec(stdout)?.[1],
  tokenFile: /^AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=(.*)$/m.exec(stdout)?.[1],
});

/** What `serve --print-token` has printed, once it has. */
export async function startedServe(program: RunningProgram) {
  await vi.waitFor(() => expect(program.stdout()).toMatch(/^AWS_CONTAINER_AUTHORIZATION_TOKEN/m), { timeout: 5_000 });
  return variablesOf(program.stdout());
}

export const ask = async (uri: string, token: string) => {
  const answer = await fetch(uri, { headers: { Authorization: token } });
  return { status: answer.status, body: (await answer.json()) as Record<string, string> };
};
