import { randomBytes } from "node:crypto";
import { AwsServiceError, type XmlElements } from "./aws-answers.js";
import { type SignedRequest, verifySignature } from "./sigv4.js";

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
    /** Makes a session, and gives it as both ways to assume a role answer it. */
    issue: (roleArn: string, sessionName: string, seconds: number): XmlElements => {
      const [, partition = "", , , account = "", resource = ""] = roleArn.split(":");
      const arn = `arn:${partition}:sts::${account}:assumed-role/${resource.split("/").at(-1)}/${sessionName}`;
      const userId = `${randomId("AROA")}:${sessionName}`;
      const accessKeyId = randomId("ASIA");
      const secretAccessKey = randomBytes(30).toString("base64");
      const sessionToken = randomBytes(180).toString("base64");
      const expiration = Math.floor(Date.now() / 1000 + seconds) * 1000;
      const caller = { arn, account, userId };
      sessions.set(accessKeyId, { secretAccessKey, sessionToken, expiration, roleArn, caller });
      return {
        AssumedRoleUser: { Arn: arn, AssumedRoleId: userId },
        Credentials: {
          AccessKeyId: accessKeyId,
          SecretAccessKey: secretAccessKey,
          SessionToken: sessionToken,
          Expiration: new Date(expiration).toISOString().replace(".000Z", "Z"),
        },
      };
    },
    /** The live session that signed the request. */
    authenticate: (request: SignedRequest): Session => {
      const session = verifySignature(request, (accessKeyId) => sessions.get(accessKeyId));
      if (session.expiration > Date.now()) return session;
      throw new AwsServiceError("ExpiredToken", "The security token included in the request is expired", 403);
    },
    count: () => sessions.size,
    secrets: () =>
      [...sessions.values()].flatMap(({ secretAccessKey, sessionToken }) => [secretAccessKey, sessionToken]),
  };
}
