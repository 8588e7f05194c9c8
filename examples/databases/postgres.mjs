// @ts-check
// PostgreSQL on RDS: sends each line of standard input to the database and prints what comes back. A new connection logs in
// with a new token, which the pool gets by itself. PGHOST, PGUSER and PGDATABASE say where; PGPORT is 5432.
import { createInterface } from "node:readline";
import { Signer } from "@aws-sdk/rds-signer";
import { fromGkeWorkloadIdentity } from "gke-aws-credentials";
import pg from "pg";

const { PGHOST: host = "", PGUSER: user = "", PGPORT = "5432" } = process.env;
const port = Number(PGPORT);

// A token dies with the session that signed it: keep sessions that have at least 20 minutes left.
const credentials = fromGkeWorkloadIdentity({ keepFresh: true, refreshAheadSeconds: 1800 });
const signer = new Signer({ hostname: host, port, username: user, region: "eu-west-1", credentials });
const ssl = { rejectUnauthorized: true }; // NODE_EXTRA_CA_CERTS names the file with RDS's certificates
const pool = new pg.Pool({ host, port, user, ssl, password: () => signer.getAuthToken() });
// A connection that is not in use may end. The pool opens another one.
pool.on("error", (error) => console.error(error.message));

for await (const line of createInterface({ input: process.stdin })) {
  const { rows } = await pool.query("SELECT upper($1) AS answer", [line]);
  console.log(rows[0].answer);
}
await pool.end();
