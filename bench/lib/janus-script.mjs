import { readFile } from "node:fs/promises";

/**
 * The script from a page that shows it indented, as in a ConfigMap, with its two host names pointed elsewhere.
 *
 * @param {string} path @param {{ metadataHost: string, stsUrl: string, region: string }} servers
 */
export async function readJanusScript(path, { metadataHost, stsUrl, region }) {
  const lines = (await readFile(path, "utf8")).split("\n");
  const first = lines.findIndex((line) => line.trimEnd().endsWith("#!/usr/bin/python3"));
  if (first < 0) throw new Error(`${path} holds no script: a line that ends with #!/usr/bin/python3 is looked for`);
  const indent = lines[first].indexOf("#");
  const last = lines.findIndex((line, index) => index > first && line.trim() !== "" && line.search(/\S/) < indent);
  return lines
    .slice(first, last < 0 ? undefined : last)
    .map((line) => line.slice(indent))
    .join("\n")
    .replace("metadata.google.internal", metadataHost)
    .replace("boto3.client('sts',", `boto3.client('sts', endpoint_url='${stsUrl}', region_name='${region}',`);
}
