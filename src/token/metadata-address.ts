import { invalidConfiguration } from "../errors/invalid-configuration.js";

/** In gcp-metadata's order: the first one that is set names the server. */
const VARIABLES = ["GCE_METADATA_IP", "GCE_METADATA_HOST"] as const;

/** On a machine without IPv4. See https://cloud.google.com/compute/docs/metadata/querying-metadata */
const IPV6_ADDRESS = "http://[fd20:ce::254]";
const SCHEME = /^(https?):\/\//i;
const OTHER_SCHEME = /^(?!https?:)[a-z0-9+.-]+:\/\//i;
/** An IPv6 address without brackets, and so without a port. */
const BARE_IPV6 = /^[0-9a-f]*:[0-9a-f.]*:[0-9a-f:.]*$/i;

/** The variables that name the metadata server in place of its well-known address. */
export const metadataHostVariables = (env: NodeJS.ProcessEnv = process.env): readonly string[] =>
  VARIABLES.filter((name) => env[name]?.trim());

/**
 * Where to ask, as origins: the one in the environment, else the well-known IPv4 address and, for machines that have no
 * route to that, the IPv6 address.
 *
 * @throws GkeWorkloadIdentityError `INVALID_CONFIGURATION` where the variable holds no address.
 */
export function metadataAddresses(wellKnown: string, env: NodeJS.ProcessEnv = process.env): readonly string[] {
  const [name] = metadataHostVariables(env);
  return name === undefined ? [wellKnown, IPV6_ADDRESS] : [toOrigin(name, env[name]?.trim() ?? "")];
}

/** A host with or without a scheme, a port and a path; the path is left out, as gcp-metadata does. */
function toOrigin(name: string, value: string): string {
  const scheme = SCHEME.exec(value)?.[1] ?? "http";
  const [host = ""] = value.replace(SCHEME, "").split("/");
  try {
    const { origin } = new URL(`${scheme}://${BARE_IPV6.test(host) ? `[${host}]` : host}`);
    if (!OTHER_SCHEME.test(value)) return origin;
  } catch {}
  throw invalidConfiguration({
    reason: `${name} is ${JSON.stringify(value)}, but must be a host, with or without a port, such as 169.254.169.254.`,
  });
}
