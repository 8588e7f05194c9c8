import { join } from "node:path";
import { inject } from "vitest";

/**
 * A program that takes ENDPOINT BUCKET [KEY]. With KEY it puts an object whose text is KEY, and prints that text, then
 * the listed KEY. Without KEY it lists the bucket; restic makes a repository.
 */
export type Client = readonly [file: string, ...args: string[]];

const program = (name: string): string => join(import.meta.dirname, "programs", name);

/** Each kind of AWS client that Debian has, and the SDK for JavaScript. */
export const CLIENTS = {
  "the AWS CLI": [program("aws.sh")],
  boto3: ["/usr/bin/python3", program("s3.py")],
  "rclone (Go SDK v1)": [program("rclone.sh")],
  "restic (minio-go)": [program("restic.sh")],
  "the Go SDK v2": [inject("goProgram")],
  "the JavaScript SDK": [process.execPath, program("s3.mjs")],
} as const satisfies Record<string, Client>;

export type ClientName = keyof typeof CLIENTS;
export const CLIENT_NAMES = Object.keys(CLIENTS) as readonly ClientName[];

/** How a client names itself in `User-Agent`. */
export const USER_AGENTS: Readonly<Record<ClientName, RegExp>> = {
  "the AWS CLI": /^aws-cli\//,
  boto3: /^Boto3\//,
  "rclone (Go SDK v1)": /^rclone\//,
  "restic (minio-go)": /^MinIO /,
  "the Go SDK v2": /^aws-sdk-go-v2\//,
  "the JavaScript SDK": /^aws-sdk-js\//,
};
