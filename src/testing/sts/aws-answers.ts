import { randomUUID } from "node:crypto";
import type { Answer } from "../lib/loopback-server.js";

/** An error as an AWS service answers it: code, text and HTTP status. */
export class AwsServiceError extends Error {
  /** `AwsServiceError`. */
  override readonly name = "AwsServiceError";

  /** Makes an error for a server of your own to answer. */
  constructor(
    /** AWS's code, for example `ExpiredToken`. */
    readonly code: string,
    message: string,
    /** The HTTP status. Default: 400. */
    readonly status: number = 400,
  ) {
    super(message);
  }
}

/** Elements in order: a text, or elements again. */
export interface XmlElements {
  readonly [name: string]: string | XmlElements;
}

const ESCAPES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

const toXml = (value: string | XmlElements): string =>
  typeof value === "string"
    ? value.replace(/[&<>"]/g, (character) => ESCAPES[character] ?? character)
    : Object.entries(value)
        .map(([name, content]) => `<${name}>${toXml(content)}</${name}>`)
        .join("");

/** An answer as STS's query protocol wraps it. */
function xmlAnswer(status: number, root: string, elements: XmlElements): Answer {
  const headers = { "Content-Type": "text/xml", "x-amzn-RequestId": randomUUID() };
  const body = `<${root} xmlns="https://sts.amazonaws.com/doc/2011-06-15/">${toXml(elements)}</${root}>`;
  return { status, headers, body };
}

export const resultAnswer = (action: string, result: XmlElements): Answer =>
  xmlAnswer(200, `${action}Response`, {
    [`${action}Result`]: result,
    ResponseMetadata: { RequestId: randomUUID() },
  });

export const errorAnswer = ({ code, message, status }: AwsServiceError): Answer =>
  xmlAnswer(status, "ErrorResponse", {
    Error: { Type: status >= 500 ? "Receiver" : "Sender", Code: code, Message: message },
    RequestId: randomUUID(),
  });
