import { expect } from "vitest";
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
