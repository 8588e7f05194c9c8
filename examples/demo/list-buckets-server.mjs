// @ts-check
import { createServer } from "node:http";

/**
 * An S3 on loopback. It knows one request, ListBuckets. It answers only a valid signature, made with a live session of
 * the given STS.
 *
 * @param {{ sts: import("gke-aws-credentials/testing").AwsSts, buckets: readonly string[] }} options
 */
export async function startListBucketsServer({ sts, buckets }) {
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const { method = "GET", url = "/", headers } = request;
    const [status, body] = await answer({ method, target: url, headers, body: Buffer.concat(chunks) });
    response.writeHead(status, { "Content-Type": "application/xml" }).end(body);
  });

  /**
   * @param {import("gke-aws-credentials/testing").SignedRequest} request
   * @returns {Promise<[status: number, body: string]>}
   */
  const answer = async (request) => {
    try {
      const caller = await sts.authenticate(request);
      const path = request.target.split("?")[0];
      if (request.method !== "GET" || path !== "/")
        return [501, errorXml("NotImplemented", "Only ListBuckets is here.")];
      return [200, listXml(caller.userId, buckets)];
    } catch (error) {
      const { code = "InternalError", message = String(error), status = 500 } = Object(error);
      return [status, errorXml(code, message)];
    }
  };

  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return {
    url: `http://127.0.0.1:${port}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** @type {(code: string, message: string) => string} */
const errorXml = (code, message) => `<Error><Code>${code}</Code><Message>${message}</Message></Error>`;

/** @type {(owner: string, buckets: readonly string[]) => string} */
const listXml = (owner, buckets) =>
  `<ListAllMyBucketsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Owner><ID>${owner}</ID></Owner><Buckets>${buckets
    .map((name) => `<Bucket><Name>${name}</Name><CreationDate>2026-01-01T00:00:00.000Z</CreationDate></Bucket>`)
    .join("")}</Buckets></ListAllMyBucketsResult>`;
