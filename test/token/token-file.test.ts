import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, promises, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { startDeadline } from "../../src/lib/time.js";
import { findTokenFile, readTokenFile } from "../../src/token/token-file.js";
import { unsignedToken } from "../support/pod-token.js";

const AUDIENCE = "sts.amazonaws.com";
const ISSUER = "https://container.googleapis.com/v1/projects/p/locations/l/clusters/c";
const SUBJECT = "system:serviceaccount:shop:orders";
const now = () => Math.floor(Date.now() / 1000);
const jwt = (over: object = {}) =>
  unsignedToken({ iss: ISSUER, sub: SUBJECT, aud: [AUDIENCE], exp: now() + 600, ...over });

let directory: string;
let file: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "token-file-"));
  file = join(directory, "token");
});
afterEach(() => rmSync(directory, { recursive: true }));

const read = (path = file, audience = AUDIENCE, ms = 5_000) => readTokenFile(path, audience, startDeadline(ms));
const refusal = (code: string, message: string | RegExp) => ({
  code: `WEB_IDENTITY_TOKEN_FILE_${code}`,
  message: expect.stringMatching(message),
  tryNextLink: false,
});

describe("readTokenFile", () => {
  it("gives the token without the white space around it, and its claims", async () => {
    const token = jwt();
    writeFileSync(file, `\n ${token}\r\n`);
    expect(await read()).toEqual({ token, claims: expect.objectContaining({ sub: SUBJECT, aud: [AUDIENCE] }) });
  });

  it("reads through symbolic links, as kubelet makes them", async () => {
    const token = jwt({ aud: [AUDIENCE, "another"] });
    mkdirSync(join(directory, "..2026"));
    writeFileSync(join(directory, "..2026", "token"), token);
    symlinkSync("..2026", join(directory, "..data"));
    symlinkSync(join("..data", "token"), file);
    await expect(read()).resolves.toMatchObject({ token });
  });

  it.each<[what: string, prepare: () => void]>([
    ["missing", () => {}],
    ["empty", () => writeFileSync(file, "")],
    ["half-written", () => writeFileSync(file, jwt().slice(0, 60))],
  ])("reads once more when the file is %s for a moment", async (_, prepare) => {
    prepare();
    const reading = read();
    setTimeout(() => {
      writeFileSync(`${file}.new`, jwt());
      renameSync(`${file}.new`, file);
    }, 50);
    await expect(reading).resolves.toMatchObject({ claims: { sub: SUBJECT } });
  });

  it.each<[what: string, prepare: () => void, code: string, message: RegExp]>([
    ["is not there", () => {}, "MISSING", /token is missing: there is no such file/],
    ["is empty", () => writeFileSync(file, " \n"), "INVALID", /it is empty/],
    ["holds no JWT", () => writeFileSync(file, "ya29.an-access-token"), "INVALID", /it is not a JWT/],
    ["has no expiry", () => writeFileSync(file, jwt({ exp: undefined })), "INVALID", /no exp claim/],
    ["is for another audience", () => writeFileSync(file, jwt({ aud: ["gcp"] })), "INVALID", /its audience is .*gcp/],
    ["has expired", () => writeFileSync(file, jwt({ exp: now() - 301 })), "EXPIRED", /it expired at 20/],
    ["is a directory", () => mkdirSync(file), "UNREADABLE", /it is a directory/],
    ["is a pipe that nobody writes to", () => execFileSync("mkfifo", [file]), "UNREADABLE", /not a regular file/],
    ["is a device", () => symlinkSync("/dev/zero", file), "UNREADABLE", /not a regular file/],
    ["is too large", () => writeFileSync(file, "x".repeat(65_537)), "UNREADABLE", /more than 65536 bytes/],
    ["is a link to itself", () => symlinkSync("token", file), "UNREADABLE", /ELOOP/],
  ])("says what is wrong when the file %s", async (_, prepare, code, message) => {
    prepare();
    const start = performance.now();
    await expect(read()).rejects.toMatchObject(refusal(code, message));
    expect(performance.now() - start).toBeLessThan(2_000);
  });

  it("reads a file of 64 KiB, and a token that expired less than five minutes ago, as IAM does", async () => {
    const token = jwt({ exp: now() - 290 });
    writeFileSync(file, `${token}${" ".repeat(65_536 - token.length)}`);
    await expect(read()).resolves.toMatchObject({ token });
  });

  it.each(["EMFILE", "ENFILE", "ENOMEM", "EIO"])("tries again when opening the file fails with %s", async (code) => {
    writeFileSync(file, jwt());
    const open = vi.spyOn(promises, "open");
    const failure = Object.assign(new Error(`${code}: the machine`), { code });
    for (let times = 0; times < 3; times += 1) open.mockRejectedValueOnce(failure);
    await expect(read()).resolves.toBeDefined();
    expect(open).toHaveBeenCalledTimes(4);
    open.mockRejectedValue(failure);
    await expect(read(file, AUDIENCE, 400)).rejects.toMatchObject({
      ...refusal("UNREADABLE", new RegExp(`${code}: the machine`)),
      retryable: true,
    });
  });

  it("says which user may not read the file", async () => {
    writeFileSync(file, jwt());
    chmodSync(file, 0o000);
    const isRoot = process.getuid?.() === 0;
    if (isRoot) process.seteuid?.(65_534);
    try {
      await expect(read()).rejects.toMatchObject(refusal("UNREADABLE", /may not read it/));
    } finally {
      if (isRoot) process.seteuid?.(0);
    }
  });

  it.each([
    ["whose audience is the issuer", { aud: [ISSUER] }, ISSUER],
    ["whose audience is the API server", { aud: ["https://kubernetes.default.svc"] }, "https://kubernetes.default.svc"],
    ["that is for AWS as well", { aud: [AUDIENCE, "https://kubernetes.default.svc.cluster.local"] }, AUDIENCE],
  ])("never gives out a token for the Kubernetes API: one %s", async (_, over, audience) => {
    writeFileSync(file, jwt({ ...over, exp: now() + 31_536_000 }));
    await expect(read(file, audience)).rejects.toMatchObject(
      refusal("INVALID", /the pod's token for the Kubernetes API/),
    );
  });

  it("does not wait for a second read when there is no time for it", async () => {
    await expect(read(file, AUDIENCE, 100)).rejects.toMatchObject(refusal("MISSING", /no such file/));
  });
});

describe("findTokenFile", () => {
  it("gives the option, else the variable unless an option asks for Google", () => {
    vi.stubEnv("AWS_WEB_IDENTITY_TOKEN_FILE", "/of/environment");
    expect(findTokenFile({ webIdentityTokenFile: "/of/option", asksForGoogle: false })).toBe("/of/option");
    expect(findTokenFile({ asksForGoogle: false })).toBe("/of/environment");
    expect(findTokenFile({ asksForGoogle: true })).toBeUndefined();
    vi.stubEnv("AWS_WEB_IDENTITY_TOKEN_FILE", "");
    expect(findTokenFile({ asksForGoogle: false })).toBeUndefined();
  });
});
