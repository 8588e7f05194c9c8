import { describe, expect, it } from "vitest";
import { metadataAddresses, metadataHostVariables } from "../../src/token/metadata.js";

const WELL_KNOWN = "http://169.254.169.254";
const addressOf = (GCE_METADATA_HOST: string) => metadataAddresses(WELL_KNOWN, { GCE_METADATA_HOST });

describe("metadataAddresses", () => {
  it("gives the well-known IPv4 address, then the IPv6 address, when no variable names a server", () => {
    const both = [WELL_KNOWN, "http://[fd20:ce::254]"];
    expect(metadataAddresses(WELL_KNOWN, {})).toEqual(both);
    expect(metadataAddresses(WELL_KNOWN, { GCE_METADATA_HOST: "", GCE_METADATA_IP: " " })).toEqual(both);
  });

  it.each([
    ["127.0.0.1", "http://127.0.0.1"],
    ["127.0.0.1:8080", "http://127.0.0.1:8080"],
    ["metadata.google.internal", "http://metadata.google.internal"],
    ["metadata.google.internal.", "http://metadata.google.internal."],
    ["metadata:988", "http://metadata:988"],
    ["169.254.169.254 ", WELL_KNOWN],
    ["\t169.254.169.254\r\n", WELL_KNOWN],
    ["http://169.254.169.254", WELL_KNOWN],
    ["http://169.254.169.254:80/", WELL_KNOWN],
    ["HTTP://Metadata:8080", "http://metadata:8080"],
    ["https://metadata.example/", "https://metadata.example"],
    ["https://metadata.example:8443/computeMetadata/v1", "https://metadata.example:8443"],
    ["169.254.169.254/computeMetadata/v1/", WELL_KNOWN],
    ["fd20:ce::254", "http://[fd20:ce::254]"],
    ["FD20:CE::254 ", "http://[fd20:ce::254]"],
    ["::1", "http://[::1]"],
    ["::ffff:127.0.0.1", "http://[::ffff:7f00:1]"],
    ["http://fd20:ce::254", "http://[fd20:ce::254]"],
    ["http://fd20:ce::254/", "http://[fd20:ce::254]"],
    ["[fd20:ce::254]", "http://[fd20:ce::254]"],
    ["[fd20:ce::254]:8080", "http://[fd20:ce::254]:8080"],
    ["http://[::1]:8080/", "http://[::1]:8080"],
  ])("reads %j as %s", (value, address) => {
    expect(addressOf(value)).toEqual([address]);
    expect(metadataAddresses(WELL_KNOWN, { GCE_METADATA_IP: value })).toEqual([address]);
  });

  it("prefers GCE_METADATA_IP, as gcp-metadata does", () => {
    const env = { GCE_METADATA_HOST: "a", GCE_METADATA_IP: "127.0.0.2" };
    expect(metadataAddresses(WELL_KNOWN, env)).toEqual(["http://127.0.0.2"]);
    expect(metadataHostVariables(env)).toEqual(["GCE_METADATA_IP", "GCE_METADATA_HOST"]);
  });

  it.each([
    "http://",
    "a b",
    "host:port",
    "127.0.0.1:99999",
    "ftp://host",
    "1:2:3:4:5:6:7:8:9",
    "fe80::1%eth0",
    "[::1",
    "?",
  ])("refuses %j by the variable's name", (value) => {
    expect(() => addressOf(value)).toThrow(
      expect.objectContaining({
        code: "INVALID_CONFIGURATION",
        message: expect.stringContaining(`GCE_METADATA_HOST is ${JSON.stringify(value)}`),
      }),
    );
  });
});
