/** What a metadata server, or whatever answers in its place, said. */
export interface MetadataAnswer {
  readonly status: number;
  /** Whether it calls itself Google's, as the real one does in every answer. */
  readonly isGoogle: boolean;
  readonly text: string;
  /** By how much this machine's clock is ahead of its; undefined where it does not say. */
  readonly clockAheadMs: number | undefined;
}

const MAX_CHARACTERS = 4_096;

/** This machine's clock against a `Date` header that has just arrived. */
export function clockAhead(date: string | undefined): number | undefined {
  const ahead = Date.now() - new Date(date ?? Number.NaN).getTime();
  return Number.isNaN(ahead) ? undefined : ahead;
}

/** Where gcp-metadata asks too: the address in the environment, else the well-known one. */
export function metadataAddress(env: NodeJS.ProcessEnv = process.env): string {
  const host = env.GCE_METADATA_IP || env.GCE_METADATA_HOST || "169.254.169.254";
  return /^https?:\/\//.test(host) ? host.replace(/\/+$/, "") : `http://${host}`;
}

/** Asks once, directly, for no longer than `ms`. Rejects with Node's own error. */
export async function askMetadata(path: string, ms: number, address = metadataAddress()): Promise<MetadataAnswer> {
  const { request } = await import("node:http");
  const headers = { "Metadata-Flavor": "Google" };
  return new Promise((resolve, reject) => {
    const asked = request(
      `${address}${path}`,
      { headers, agent: false, signal: AbortSignal.timeout(Math.ceil(ms)) },
      (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => {
          text = (text + chunk).slice(0, MAX_CHARACTERS);
        });
        response.on("error", reject);
        response.on("end", () => {
          resolve({
            status: response.statusCode ?? 0,
            isGoogle: response.headers["metadata-flavor"] === "Google",
            text: text.trim(),
            clockAheadMs: clockAhead(response.headers.date),
          });
        });
      },
    );
    asked.on("error", reject);
    asked.end();
  });
}

/** One value of the metadata server; undefined where it has none, or does not answer in time. */
export async function readMetadata(property: string, ms: number): Promise<string | undefined> {
  const answer = await askMetadata(`/computeMetadata/v1/${property}`, ms).catch(() => undefined);
  return answer?.status === 200 && answer.isGoogle && answer.text !== "" ? answer.text : undefined;
}
