import { loadPackage } from "../errors/load-package.js";

// Loaded on first use: importing this package must cost next to nothing.

export const loadCredentialProviders = () =>
  loadPackage("@aws-sdk/credential-providers", import("@aws-sdk/credential-providers"));

export const loadStsClient = () => loadPackage("@aws-sdk/client-sts", import("@aws-sdk/client-sts"));

export const loadHttpHandler = () => loadPackage("@smithy/node-http-handler", import("@smithy/node-http-handler"));

export const loadConfigProvider = () =>
  loadPackage("@smithy/node-config-provider", import("@smithy/node-config-provider"));

/**
 * Starts to load the packages of the exchange, so that they are there when the token arrives. Never rejects: a package
 * that cannot be loaded fails the exchange that needs it.
 */
export async function preloadExchange(): Promise<void> {
  await Promise.allSettled([loadStsClient(), loadCredentialProviders(), loadHttpHandler(), loadConfigProvider()]);
}
