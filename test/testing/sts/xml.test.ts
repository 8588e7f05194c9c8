import { describe, expect, it } from "vitest";
import { AwsServiceError } from "../../../src/testing/sts/aws-error.js";
import { errorXml, resultXml } from "../../../src/testing/sts/xml.js";

describe("STS's XML", () => {
  it("wraps a result, with elements in elements and a request id", () => {
    expect(resultXml("Do", "v", { A: "1", B: { C: "2" } })).toMatch(
      /^<DoResponse xmlns="[^"]+\/v\/"><DoResult><A>1<\/A><B><C>2<\/C><\/B><\/DoResult><ResponseMetadata><RequestId>[\da-f-]{36}<\/RequestId><\/ResponseMetadata><\/DoResponse>$/,
    );
  });

  it("escapes what XML would read as its own", () => {
    expect(resultXml("Do", "v", { A: `<b> & "c"` })).toContain("<A>&lt;b&gt; &amp; &quot;c&quot;</A>");
  });

  it.each([
    [400, "Sender"],
    [499, "Sender"],
    [500, "Receiver"],
  ])("says of an error with status %i whose fault it is: %s", (status, type) => {
    const xml = errorXml(new AwsServiceError("Code", "text", status), "v");
    expect(xml).toContain(`<Error><Type>${type}</Type><Code>Code</Code><Message>text</Message></Error>`);
  });
});
