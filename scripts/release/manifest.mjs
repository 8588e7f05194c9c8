/**
 * The address of the repository that runs the release.
 *
 * @param {Record<string, string | undefined>} env
 */
export function repositoryAddress({ GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: repository }) {
  if (!server || !repository) throw new Error("GITHUB_SERVER_URL and GITHUB_REPOSITORY must name the repository");
  return `${server.replace(/\/+$/, "")}/${repository}`;
}

/**
 * The manifest that is published. It names the repository that runs the release: npm refuses provenance without it.
 *
 * @param {Record<string, unknown>} manifest
 * @param {string} address
 */
export const withRepository = (manifest, address) => ({
  ...manifest,
  repository: { type: "git", url: `git+${address}.git` },
  homepage: `${address}#readme`,
  bugs: { url: `${address}/issues` },
});
