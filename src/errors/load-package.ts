import { describeFailure } from "../lib/foreign-failure.js";
import { load } from "../lib/import-package.js";
import { invalidConfiguration } from "./invalid-configuration.js";

/**
 * What a package exports that is loaded on first use.
 *
 * @throws GkeWorkloadIdentityError `INVALID_CONFIGURATION`, naming the package, if it cannot be loaded.
 */
export async function loadPackage<M extends object>(packageName: string, loading: Promise<M>): Promise<M> {
  try {
    return await load(loading);
  } catch (error) {
    const reason = `The package ${packageName} could not be loaded: ${describeFailure(error).text}`;
    throw invalidConfiguration({ reason, packageName }, { cause: error });
  }
}
