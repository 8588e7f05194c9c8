import {
  CreateOpenIDConnectProviderCommand,
  CreateRoleCommand,
  IAMClient,
  PutRolePolicyCommand,
} from "@aws-sdk/client-iam";

export interface Issuer {
  readonly issuer: string;
  readonly thumbprint: string;
}

export interface TrustedRole {
  readonly name: string;
  readonly issuer: Issuer;
  readonly clientIds: string[];
  /** Claims and the values that the trust policy asks for. */
  readonly conditions: Readonly<Record<string, string>>;
}

export const ADMINISTRATOR = { accessKeyId: "ADMIN", secretAccessKey: "ADMINSECRET" };

/** The administrator's side: RGW trusts the issuer, and the role trusts its tokens under these conditions. */
export async function createTrustedRole(gatewayUrl: string, role: TrustedRole): Promise<void> {
  const { name, issuer, clientIds, conditions } = role;
  const { host } = new URL(issuer.issuer);
  const iam = new IAMClient({ region: "us-east-1", endpoint: gatewayUrl, credentials: ADMINISTRATOR });
  await iam.send(
    new CreateOpenIDConnectProviderCommand({
      Url: issuer.issuer,
      ClientIDList: clientIds,
      ThumbprintList: [issuer.thumbprint],
    }),
  );
  const keys = Object.entries(conditions).map(([key, value]) => [`${host}:${key}`, value]);
  const trustPolicy = {
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Allow",
        Principal: { Federated: [`arn:aws:iam:::oidc-provider/${host}`] },
        Action: ["sts:AssumeRoleWithWebIdentity"],
        Condition: { StringEquals: Object.fromEntries(keys) },
      },
    ],
  };
  await iam.send(new CreateRoleCommand({ RoleName: name, AssumeRolePolicyDocument: JSON.stringify(trustPolicy) }));
  const policy = {
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Action: "s3:*", Resource: "arn:aws:s3:::*" }],
  };
  await iam.send(
    new PutRolePolicyCommand({ RoleName: name, PolicyName: "s3", PolicyDocument: JSON.stringify(policy) }),
  );
}
