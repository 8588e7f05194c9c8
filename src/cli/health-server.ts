import { REQUEST_MS, type Reply, refuse, send, startServer } from "./http-server.js";
import type { FreshRole, Roles } from "./serve-roles.js";

const MAX_CONNECTIONS = 64;

/** Whether there is a session for every role. */
export const healthOf = (roles: Roles): Reply =>
  [...roles.values()].every((role) => role.endsAt() > 0)
    ? { status: 200, body: { status: "ok" } }
    : refuse(503, "Unavailable", "there are no credentials; see the server's own log");

/** Serves `/healthz` and `/metrics`, and nothing else, on all addresses. */
export async function startHealthServer(roles: Roles<FreshRole>, port: number) {
  const answerTo = (url: string | undefined): Reply => {
    if (url === "/healthz") return healthOf(roles);
    if (url !== "/metrics") return refuse(404, "NotFound", "nothing is served at this path");
    return { status: 200, body: metricsOf(roles), headers: { "Content-Type": "text/plain; version=0.0.4" } };
  };
  const started = await startServer(
    ({ method, url, socket }, response) => {
      response.shouldKeepAlive = false;
      socket.setTimeout(REQUEST_MS, () => socket.destroy());
      send(response, method === "GET" ? answerTo(url) : refuse(405, "MethodNotAllowed", "only GET is served"));
    },
    { port },
    "--health-port",
  );
  started.server.maxConnections = MAX_CONNECTIONS;
  return started;
}

/** @see https://prometheus.io/docs/instrumenting/exposition_formats/ */
function metricsOf(roles: Roles<FreshRole>): string {
  const typeOf = (name: string, type: string): string => `# TYPE gke_aws_credentials_${name} ${type}\n`;
  const values = (name: string, labels: string, read: (role: FreshRole) => number): string =>
    [...roles].map(([path, role]) => `gke_aws_credentials_${name}{role="${path}"${labels}} ${read(role)}\n`).join("");
  const gauge = (name: string, read: (role: FreshRole) => number): string =>
    typeOf(name, "gauge") + values(name, "", read);
  return [
    gauge("session_live", (role) => (role.endsAt() > 0 ? 1 : 0)),
    gauge("session_remaining_seconds", (role) => Math.max(0, (role.endsAt() - Date.now()) / 1_000)),
    gauge("refresh_failures_in_a_row", (role) => role.history.failuresInARow),
    typeOf("refresh_duration_seconds", "summary"),
    ...(["succeeded", "failed"] as const).flatMap((outcome) =>
      (["count", "sum"] as const).map((part) =>
        values(`refresh_duration_seconds_${part}`, `,outcome="${outcome}"`, (role) => role.history[outcome][part]),
      ),
    ),
  ].join("");
}
