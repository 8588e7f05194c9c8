// @ts-nocheck: the types of aws-crt are not here. run.sh installs it in a folder of its own.
// The default chain of the AWS CRT finds credentials, which sign a request. Arguments: ENDPOINT BUCKET.
import crt from "aws-crt";

const { auth, http } = crt;
const [endpoint = "", bucket] = process.argv.slice(2);
const url = new URL(`/${bucket}`, endpoint);
const request = new http.HttpRequest("GET", url.pathname, new http.HttpHeaders([["host", url.host]]));
const signed = await auth.aws_sign_request(request, {
  algorithm: auth.AwsSigningAlgorithm.SigV4,
  signature_type: auth.AwsSignatureType.HttpRequestViaHeaders,
  provider: auth.AwsCredentialsProvider.newDefault(),
  region: process.env.AWS_REGION ?? "",
  service: "s3",
  signed_body_value: auth.AwsSignedBodyValue.UnsignedPayload,
  signed_body_header: auth.AwsSignedBodyHeaderType.XAmzContentSha256,
});
const headers = Object.fromEntries([...signed.headers].map(([name, value]) => [name, value]));
delete headers.host;
const { status } = await fetch(url, { headers: { ...headers, "user-agent": "aws-crt-nodejs" } });
process.stdout.write(`${status}\n`);
