/** A part of a JSON Web Token (RFC 7519): JSON as base64url. */
export const encodeJwtPart = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
