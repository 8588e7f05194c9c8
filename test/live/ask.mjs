// The program of a Job of `npm run live`: `node ask.mjs POD` asks the questions of one pod, and prints the answers as one line.
import { askAll } from "./questions.mjs";

const {
  GCE_METADATA_HOST,
  AWS_ENDPOINT_URL_STS,
  AWS_REGION,
  AWS_ROLE_ARN = "",
  NAMESPACE = "",
  SERVICE_ACCOUNT = "",
} = process.env;
const answers = await askAll(/** @type {import("./questions.mjs").Pod} */ (process.argv[2]), {
  metadataHost: GCE_METADATA_HOST ?? "169.254.169.254",
  stsUrl: AWS_ENDPOINT_URL_STS ?? `https://sts.${AWS_REGION}.amazonaws.com`,
  roleArn: AWS_ROLE_ARN,
  namespace: NAMESPACE,
  serviceAccount: SERVICE_ACCOUNT,
});
console.log(JSON.stringify(answers));
