/**
 * The manifest that is published. It names the repository that runs the release: npm refuses provenance without it, and
 * its page resolves the README's relative links against it.
 *
 * @param {Record<string, unknown>} manifest
 * @param {Record<string, string | undefined>} env
 */
export function withRepository(manifest, { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: repository }) {
  if (!server || !repository) throw new Error("GITHUB_SERVER_URL and GITHUB_REPOSITORY must name the repository");
  const address = `${server.replace(/\/+$/, "")}/${repository}`;
  return {
    ...manifest,
    repository: { type: "git", url: `git+${address}.git` },
    homepage: `${address}#readme`,
    bugs: { url: `${address}/issues` },
  };
}
