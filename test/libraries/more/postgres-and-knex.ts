import { Signer } from "@aws-sdk/rds-signer";
import knex from "knex";
import postgres from "postgres";
import { credentials, region } from "./credentials.js";

const host = "orders.abc123.eu-west-1.rds.amazonaws.com";
const signer = new Signer({ hostname: host, port: 5432, username: "app", region, credentials });
const login = { host, user: "app", database: "app", ssl: true, password: () => signer.getAuthToken() };

export async function open(): Promise<void> {
  const sql = postgres({ ...login, fetch_types: false });
  await sql.unsafe("SELECT 1").simple();
  await sql.end();
  const builder = knex({ client: "pg", connection: login });
  await builder.raw("SELECT 1");
  await builder.destroy();
}
