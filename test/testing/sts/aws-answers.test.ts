import { describe, expect, it } from "vitest";
import { AwsServiceError, errorAnswer, resultAnswer } from "../../../src/testing/sts/aws-answers.js";

describe("STS's XML", () => {
  it("wraps a result, with elements in elements and a request id", () => {
    expect(resultAnswer("Do", { A: "1", B: { C: "2" } }).body).toMatch(
      /^<DoResponse xmlns="[^"]+\/2011-06-15\/"><DoResult><A>1<\/A><B><C>2<\/C><\/B><\/DoResult><ResponseMetadata><RequestId>[\da-f-]{36}<\/RequestId><\/ResponseMetadata><\/DoResponse>$/,
    );
  });

  it("escapes what XML would read as its own", () => {
    expect(resultAnswer("Do", { A: `<b> & "c"` }).body).toContain("<A>&lt;b&gt; &amp; &quot;c&quot;</A>");
  });

  it.each([
    [400, "Sender"],
    [499, "Sender"],
    [500, "Receiver"],
  ])("says of an error with status %i whose fault it is: %s", (status, type) => {
    const xml = errorAnswer(new AwsServiceError("Code", "text", status)).body;
    expect(xml).toContain(`<Error><Type>${type}</Type><Code>Code</Code><Message>text</Message></Error>`);
  });
});
