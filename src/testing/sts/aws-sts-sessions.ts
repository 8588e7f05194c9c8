import { randomBytes } from "node:crypto";
import { AwsServiceError } from "./aws-error.js";
import type { SignedRequest } from "./request-signature.js";
import { verifySignature } from "./sigv4.js";
import type { XmlElements } from "./xml.js";

/** Who signed a request: what `GetCallerIdentity` answers. */
export interface AwsCaller {
  /** The session's ARN, for example `arn:aws:sts::123456789012:assumed-role/reader/orders`. */
  readonly arn: string;
  /** The role's account, 12 digits. */
  readonly account: string;
  /** The role's unique id, a colon and the session's name. */
  readonly userId: string;
}

/** One session of one role. */
export interface Session {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  readonly expiration: number;
  readonly roleArn: string;
  readonly caller: AwsCaller;
}

/** AWS's ids are of these characters. */
const randomId = (prefix: string): string =>
  prefix + Array.from(randomBytes(16), (byte) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[byte % 32]).join("");

/** The sessions of one server, by the access key id that signs. */
export function createSessions() {
  const sessions = new Map<string, Session>();
  return {
    issue: (roleArn: string, sessionName: string, seconds: number): Session => {
      const session = newSession(roleArn, sessionName, seconds);
      sessions.set(session.accessKeyId, session);
      return session;
    },
    /** The live session that signed the request. */
    authenticate: async (request: SignedRequest): Promise<Session> => {
      const now = Date.now();
      const session = sessions.get(await verifySignature(request, (id) => sessions.get(id), now));
      if (!session || session.expiration <= now) {
        throw new AwsServiceError("ExpiredToken", "The security token included in the request is expired", 403);
      }
      return session;
    },
    count: (): number => sessions.size,
    secrets: (): readonly string[] =>
      [...sessions.values()].flatMap(({ secretAccessKey, sessionToken }) => [secretAccessKey, sessionToken]),
  };
}

function newSession(roleArn: string, sessionName: string, seconds: number): Session {
  const [, partition = "", , , account = "", resource = ""] = roleArn.split(":");
  const roleName = resource.split("/").at(-1) ?? "";
  return {
    accessKeyId: randomId("ASIA"),
    secretAccessKey: randomBytes(30).toString("base64"),
    sessionToken: randomBytes(180).toString("base64"),
    expiration: Math.floor(Date.now() / 1000 + seconds) * 1000,
    roleArn,
    caller: {
      arn: `arn:${partition}:sts::${account}:assumed-role/${roleName}/${sessionName}`,
      account,
      userId: `${randomId("AROA")}:${sessionName}`,
    },
  };
}

/** A session as both ways to assume a role answer it. */
export const sessionElements = ({ caller, ...session }: Session): XmlElements => ({
  AssumedRoleUser: { Arn: caller.arn, AssumedRoleId: caller.userId },
  Credentials: {
    AccessKeyId: session.accessKeyId,
    SecretAccessKey: session.secretAccessKey,
    SessionToken: session.sessionToken,
    Expiration: new Date(session.expiration).toISOString().replace(/\.\d+Z$/, "Z"),
  },
});
