import { expect, vi } from "vitest";
import {
  type FromGkeWorkloadIdentityInit,
  fromGkeWorkloadIdentity,
  GkeWorkloadIdentityError,
} from "../../src/index.js";

export const REGION = "us-east-1";

/** A provider in a fixed region, so that nothing but the test's own fault decides. */
export const provide = (init: FromGkeWorkloadIdentityInit = {}) =>
  fromGkeWorkloadIdentity({ clientConfig: { region: REGION }, ...init });

/** What the provider fails with, which is always an error of this package. */
export async function failureOf(provider: () => Promise<unknown>): Promise<GkeWorkloadIdentityError> {
  const error = await provider().then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(GkeWorkloadIdentityError);
  return error as GkeWorkloadIdentityError;
}

type Plugin = NonNullable<FromGkeWorkloadIdentityInit["clientPlugins"]>[number];

/** Sends each region's requests to its own server: AWS_ENDPOINT_URL_STS knows only one. */
export function routeByRegion(urls: Readonly<Record<string, string>>): Plugin {
  vi.stubEnv("AWS_ENDPOINT_URL_STS", undefined);
  return {
    applyToStack: (stack) =>
      stack.add(
        (next) => (args) => {
          const request = args.request as { hostname: string; port?: number; protocol: string };
          const url = new URL(urls[request.hostname.split(".")[1]!]!);
          Object.assign(request, { protocol: url.protocol, hostname: url.hostname, port: Number(url.port) });
          return next(args);
        },
        { step: "finalizeRequest", priority: "low" },
      ),
  };
}
