import { TimeoutError, withTimeout } from "../lib/deadline.js";
import { type MetadataAnswer, requestMetadata } from "./metadata-request.js";

/** This machine's clock against a `Date` header that has just arrived. */
export function clockAhead(date: string | null | undefined): number | undefined {
  const ahead = Date.now() - new Date(date ?? Number.NaN).getTime();
  return Number.isNaN(ahead) ? undefined : ahead;
}

/** Asks the metadata server once, for no longer than `ms`. The path is below `/computeMetadata/v1/`. */
export const askMetadata = (path: string, ms: number): Promise<MetadataAnswer> =>
  withTimeout(
    ms,
    (signal) => requestMetadata({ path, signal }),
    () => new TimeoutError(`no answer within ${Math.round(ms)} ms.`),
  );

/** One value of the metadata server; undefined where it has none, or does not answer in time. */
export async function readMetadata(property: string, ms: number): Promise<string | undefined> {
  const answer = await askMetadata(property, ms).catch(() => undefined);
  return answer?.status === 200 && answer.text !== "" ? answer.text : undefined;
}
