import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Command, InvalidArgumentError, Option } from "commander";
import { createError } from "../errors/create-error.js";
import { type CredentialsServer, startCredentialsServer } from "./credentials-server.js";
import { addExample, addFileMode, addProviderOptions, addRoleArgument, type ProviderFlags, toInit } from "./flags.js";
import { startHealthServer } from "./health-server.js";
import { createLog, type LogFormat, type Output } from "./output.js";
import { createFreshRole } from "./serve-roles.js";
import { writeSecretFile } from "./write-secret-file.js";

interface Flags extends ProviderFlags {
  readonly port: number;
  readonly tokenFile?: string;
  readonly fileMode: number;
  readonly printToken?: true;
  readonly drainSeconds: number;
  readonly healthPort?: number;
  readonly logFormat: LogFormat;
  readonly role: ReadonlyMap<string, string>;
}

const MAX_PORT = 65_535;

const wholeNumberUpTo =
  (max: number) =>
  (text: string): number => {
    if (!/^\d{1,5}$/.test(text) || Number(text) > max) throw new InvalidArgumentError(`It must be 0 to ${max}.`);
    return Number(text);
  };

/** `_READER` for `reader`: what may be the end of a variable's name. */
const toSuffix = (name: string): string => `_${name.toUpperCase().replace(/[^A-Z0-9]/g, "_")}`;

function addNamedRole(text: string, roles: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const [, name = "", arn = ""] = /^([\w.-]{1,64})=(.+)$/.exec(text) ?? [];
  if (!name) throw new InvalidArgumentError("It must be NAME=ARN, with a name of [A-Za-z0-9_.-].");
  if (roles.has(name)) throw new InvalidArgumentError(`There are two roles named ${name}.`);
  const same = [...roles.keys()].find((other) => toSuffix(other) === toSuffix(name));
  if (same) throw new InvalidArgumentError(`The roles ${same} and ${name} would have variables of one name.`);
  return new Map([...roles, [name, arn]]);
}

/** `serve`: the container credentials protocol on loopback, for every AWS SDK of the pod. */
export function addServe(program: Command, output: Output): void {
  const command = program
    .command("serve")
    .description("Serve fresh AWS sessions on 127.0.0.1 to every AWS SDK of this pod, and print the variables to set.");
  addProviderOptions(addRoleArgument(command))
    .option("--port <port>", "on 127.0.0.1; 0: any free one", wholeNumberUpTo(MAX_PORT), 0)
    .option("--token-file <file>", "write the token there; with more roles, that of --role NAME=ARN to FILE.NAME")
    .option("--print-token", "print the token to stdout in place of a file: whoever reads the log can use it")
    .option("--drain-seconds <seconds>", "go on answering for this long after SIGTERM", wholeNumberUpTo(3_600), 0)
    .option("--health-port <port>", "serve /healthz and /metrics there, on all addresses", wholeNumberUpTo(MAX_PORT))
    .addOption(new Option("--log-format <format>", "of stderr").choices(["text", "json"]).default("text"))
    .addOption(
      new Option("--role <name=arn>", "serve this role at /roles/NAME too; may be repeated")
        .argParser(addNamedRole)
        .default(new Map(), "none"),
    );
  addFileMode(command);
  addExample(
    command,
    "gke-aws-credentials serve --port 9911 --token-file /var/run/secrets/aws/authorization --file-mode 640",
  ).action(async (roleArn: string | undefined, flags: Flags) => {
    if ((flags.tokenFile === undefined) === (flags.printToken === undefined))
      command.error("error: serve needs --token-file FILE, or --print-token, and not both");
    await serve(roleArn, flags, output);
  });
}

async function serve(roleArn: string | undefined, flags: Flags, output: Output): Promise<void> {
  const init = await toInit(roleArn ?? (process.env.AWS_ROLE_ARN || undefined), flags);
  const arns = [...flags.role].map(([name, arn]): [string, string] => [`/roles/${name}`, arn]);
  // There may be no main role where others are named.
  if (init.roleArn !== undefined) arns.unshift(["/", init.roleArn]);
  if (arns.length === 0) throw createError("MISSING_ROLE_ARN");
  const stop = new AbortController();
  const context = { log: createLog(output, flags.logFormat), stop: stop.signal };
  const roles = new Map(arns.map(([path, arn]) => [path, createFreshRole(path, { ...init, roleArn: arn }, context)]));
  const server = await startCredentialsServer(roles, flags.port);
  let closeHealthServer = (): void => {};
  const removals: (() => void)[] = [];
  const removeFiles = (): void => {
    for (const remove of removals) remove();
  };
  // Also where a second signal ends this process at once.
  process.once("exit", removeFiles);
  try {
    if (flags.healthPort !== undefined)
      ({ close: closeHealthServer } = await startHealthServer(roles, flags.healthPort));
    output.stdout.write(publish(server, flags, removals));
    await output.untilStopped(() => {
      for (const role of roles.values()) role.refreshNow();
    });
    if (flags.drainSeconds > 0) await sleep(flags.drainSeconds * 1_000);
  } finally {
    stop.abort();
    await server.drain();
    closeHealthServer();
    process.off("exit", removeFiles);
    removeFiles();
  }
}

/**
 * Writes each role's token to its file, and gives the variables to set. No variable has two values: the main role (that of
 * the argument or of `AWS_ROLE_ARN`, else the only one there is) has the variables that the SDKs read, a named role has
 * its own.
 */
function publish(
  { port, authorizations }: CredentialsServer,
  { tokenFile, fileMode }: Flags,
  removals: (() => void)[],
): string {
  const lines = [...authorizations].flatMap(([path, token]) => {
    const name = path.replace(/^\/(roles\/)?/, "");
    const isMain = name === "" || authorizations.size === 1;
    const suffix = isMain ? "" : toSuffix(name);
    const uri = `AWS_CONTAINER_CREDENTIALS_FULL_URI${suffix}=http://127.0.0.1:${port}${path}`;
    if (tokenFile === undefined) return [uri, `AWS_CONTAINER_AUTHORIZATION_TOKEN${suffix}=${token}`];
    const file = resolve(isMain ? tokenFile : `${tokenFile}.${name}`);
    removals.push(writeSecretFile(file, token, fileMode));
    return [uri, `AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE${suffix}=${file}`];
  });
  return lines.map((line) => `${line}\n`).join("");
}
