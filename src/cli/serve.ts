import { rm } from "node:fs/promises";
import { type Command, InvalidArgumentError, Option } from "commander";
import { type FromGkeWorkloadIdentityInit, GkeWorkloadIdentityError } from "../index.js";
import { startCredentialsServer } from "./credentials-server.js";
import type { Output } from "./output.js";
import { addProviderOptions, addRoleArgument, type ProviderFlags, toInit } from "./provider-options.js";
import { keepRolesFresh, toProviders, toRoles } from "./serve-roles.js";
import { writeSecretFile } from "./write-secret-file.js";

interface Flags extends ProviderFlags {
  readonly port: number;
  readonly tokenFile?: string;
  readonly role: ReadonlyMap<string, string>;
}

function toPort(text: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535) throw new InvalidArgumentError("It must be 0 to 65535.");
  return Number(text);
}

function addNamedRole(text: string, roles: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const [, name = "", arn = ""] = /^([\w.-]{1,64})=(.+)$/.exec(text) ?? [];
  if (!name) throw new InvalidArgumentError("It must be NAME=ARN, with a name of [A-Za-z0-9_.-].");
  if (roles.has(name)) throw new InvalidArgumentError(`There are two roles named ${name}.`);
  return new Map([...roles, [name, arn]]);
}

/** `serve`: the container credentials protocol on loopback, for every AWS SDK of the pod. */
export function addServe(program: Command, { stdout, stderr, untilStopped }: Output): void {
  const command = program
    .command("serve")
    .description("Serve fresh AWS sessions on 127.0.0.1 to every AWS SDK of this pod, and print the variables to set.");
  addProviderOptions(addRoleArgument(command))
    .option("--port <port>", "on 127.0.0.1; 0: any free one", toPort, 0)
    .option("--token-file <file>", "write the authorization token there, with mode 600, in place of stdout")
    .addOption(
      new Option("--role <name=arn>", "serve this role at /roles/NAME too; may be repeated")
        .argParser(addNamedRole)
        .default(new Map(), "none"),
    )
    .action(async (roleArn: string | undefined, { port, tokenFile, role, ...flags }: Flags) => {
      const providers = toProviders(initsOf(roleArn, role, flags));
      const server = await startCredentialsServer(toRoles(providers), port);
      const stop = new AbortController();
      let isWritten = false;
      try {
        const fresh = keepRolesFresh(providers, stop.signal, (text) => stderr.write(text));
        if (tokenFile !== undefined) {
          await writeSecretFile(tokenFile, server.authorization);
          isWritten = true;
        }
        const uris = [...providers.keys()].map((path) => `http://127.0.0.1:${server.port}${path}`);
        const token =
          tokenFile === undefined
            ? `AWS_CONTAINER_AUTHORIZATION_TOKEN=${server.authorization}`
            : `AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=${tokenFile}`;
        stdout.write(`${uris.map((uri) => `AWS_CONTAINER_CREDENTIALS_FULL_URI=${uri}\n`).join("")}${token}\n`);
        await untilStopped();
        stop.abort();
        await fresh;
      } finally {
        stop.abort();
        await server.drain();
        if (tokenFile !== undefined && isWritten) await rm(tokenFile, { force: true });
      }
    });
}

/**
 * `/` for the role of the argument or the environment, which may be missing where others are named.
 *
 * @throws GkeWorkloadIdentityError `MISSING_ROLE_ARN` where there is none at all.
 */
function initsOf(
  roleArn: string | undefined,
  named: ReadonlyMap<string, string>,
  flags: ProviderFlags,
): ReadonlyMap<string, FromGkeWorkloadIdentityInit> {
  const init = toInit(roleArn ?? (process.env.AWS_JANUS_ROLE || process.env.AWS_ROLE_ARN || undefined), flags);
  if (init.roleArn === undefined && named.size === 0) throw new GkeWorkloadIdentityError("MISSING_ROLE_ARN");
  const others = [...named].map(([name, arn]) => [`/roles/${name}`, { ...init, roleArn: arn }] as const);
  return new Map([...(init.roleArn === undefined ? [] : [["/", init] as const]), ...others]);
}
