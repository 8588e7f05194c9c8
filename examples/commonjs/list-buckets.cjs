// @ts-check
// The same script as a CommonJS module.
const { ListBucketsCommand, S3Client } = require("@aws-sdk/client-s3");
const { fromGkeWorkloadIdentity, GkeWorkloadIdentityError } = require("gke-aws-credentials");

const s3 = new S3Client({ credentials: fromGkeWorkloadIdentity() });

s3.send(new ListBucketsCommand({}))
  .then(({ Buckets = [] }) => {
    for (const { Name } of Buckets) console.log(Name);
  })
  .catch((error) => {
    const { code, message, hint } =
      error instanceof GkeWorkloadIdentityError ? error : { ...error, message: error.message };
    console.error([code, message, hint].filter(Boolean).join("\n"));
    process.exitCode = 1;
  });
