// @ts-check
// An HTTP service. Two pages are for Kubernetes: /readyz says whether there is an AWS session, /livez does not ask for AWS.
import { createServer } from "node:http";
import { ListTablesCommand } from "@aws-sdk/client-dynamodb";
import { ListBucketsCommand } from "@aws-sdk/client-s3";
import { GetCallerIdentityCommand } from "@aws-sdk/client-sts";
import { GkeWorkloadIdentityError } from "gke-aws-credentials";
import { credentials, dynamodb, s3, sts } from "./aws.mjs";

/** @type {Readonly<Record<string, () => Promise<object>>>} */
const routes = {
  "/livez": async () => ({ alive: true }),
  "/readyz": async () => ({ expires: (await credentials()).expiration }),
  "/whoami": async () => ({ arn: (await sts.send(new GetCallerIdentityCommand({}))).Arn }),
  "/buckets": async () => ({ names: (await s3.send(new ListBucketsCommand({}))).Buckets?.map(({ Name }) => Name) }),
  "/tables": async () => ({ names: (await dynamodb.send(new ListTablesCommand({}))).TableNames }),
};

const server = createServer(async (request, response) => {
  const [status, body] = await answer(routes[request.url ?? ""]);
  response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
});

/**
 * @param {(() => Promise<object>) | undefined} route
 * @returns {Promise<[status: number, body: object]>}
 */
async function answer(route) {
  if (!route) return [404, { error: "no such page" }];
  try {
    return [200, await route()];
  } catch (error) {
    // The caller gets the code. The log has the event `refreshFailed`: see aws.mjs.
    if (error instanceof GkeWorkloadIdentityError) return [503, { error: error.code }];
    console.error(error);
    return [502, { error: error instanceof Error ? error.name : "unknown" }];
  }
}

server.listen(Number(process.env.PORT ?? 8080), () => {
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  console.log(`listening on port ${port}`);
});
process.once("SIGTERM", () => server.close());
