import { randomUUID } from "node:crypto";
import type { AwsServiceError } from "./aws-error.js";

/** Elements in order: a text, or elements again. */
export interface XmlElements {
  readonly [name: string]: string | XmlElements;
}

const ESCAPES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

const escapeText = (text: string): string => text.replace(/[&<>"]/g, (character) => ESCAPES[character] ?? character);

const toXml = (elements: XmlElements): string =>
  Object.entries(elements)
    .map(([name, value]) => `<${name}>${typeof value === "string" ? escapeText(value) : toXml(value)}</${name}>`)
    .join("");

const namespace = (version: string): string => `xmlns="https://sts.amazonaws.com/doc/${version}/"`;

/** A result as AWS's query protocol wraps it. */
export const resultXml = (action: string, version: string, result: XmlElements): string =>
  `<${action}Response ${namespace(version)}>${toXml({
    [`${action}Result`]: result,
    ResponseMetadata: { RequestId: randomUUID() },
  })}</${action}Response>`;

/** An error as AWS's query protocol wraps it. */
export const errorXml = ({ code, message, status }: AwsServiceError, version: string): string =>
  `<ErrorResponse ${namespace(version)}>${toXml({
    Error: { Type: status >= 500 ? "Receiver" : "Sender", Code: code, Message: message },
    RequestId: randomUUID(),
  })}</ErrorResponse>`;
