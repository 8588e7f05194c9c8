/**
 * @typedef {{ name: string, value: string }} Property
 * @typedef {{ "bom-ref": string, name: string, scope?: string, properties?: Property[] }} Component
 * @typedef {{ ref: string, dependsOn: string[] }} Dependency
 * @typedef {{ serialNumber?: string, metadata: { timestamp?: string, component: Component }, components: Component[], dependencies: Dependency[] }} Bom
 */

/** npm's own property for a package that is inside of another (CycloneDX property taxonomy, `cdx:npm`). */
const BUNDLED = { name: "cdx:npm:package:bundled", value: "true" };

/**
 * What users get: the packages that npm installs beside this one, and those whose code is bundled into the command. From
 * what `npm sbom` prints for the whole lockfile, development packages included. Without the time and the random number, so
 * that the same sources give the same list.
 *
 * @param {Bom} whole
 * @param {{ name: string, installed: readonly string[], bundled: readonly string[] }} packages - This package's name, and
 * the others as `NAME@VERSION`.
 */
export function sbomOf(whole, { name, installed, bundled }) {
  const { serialNumber: _, metadata, components, dependencies, ...head } = whole;
  const { timestamp: __, component: root, ...rest } = metadata;
  const listed = new Set([...installed, ...bundled]);
  const kept = components.filter((component) => listed.has(component["bom-ref"]));
  const missing = [...listed].filter((ref) => !kept.some((component) => component["bom-ref"] === ref));
  if (missing.length > 0)
    throw new Error(`npm sbom does not list ${missing.join(", ")}. Is package-lock.json up to date?`);
  return {
    ...head,
    // npm gives the root the name of the folder that it lies in.
    metadata: { ...rest, component: { ...root, name } },
    components: kept.map((component) =>
      bundled.includes(component["bom-ref"]) ? { ...component, scope: "required", properties: [BUNDLED] } : component,
    ),
    dependencies: dependencies
      .filter(({ ref }) => listed.has(ref) || ref === root["bom-ref"])
      .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((other) => listed.has(other)) })),
  };
}
