// Run in a process of its own by ../measurements/start-up.mjs: prints what the first credentials took.
import { subscribe } from "node:diagnostics_channel";

const preload = process.argv[2] === "preloaded";
if (preload) {
  await Promise.all([
    import("google-auth-library"),
    import("@aws-sdk/client-sts"),
    import("@aws-sdk/credential-provider-web-identity"),
    import("node-fetch").catch(() => {}),
  ]);
}
const { fromGkeWorkloadIdentity } = await import("gke-aws-credentials");

let network = 0;
const began = new Map();
subscribe("http.client.request.start", ({ request }) => began.set(request, performance.now()));
subscribe("http.client.response.finish", ({ request }) => {
  network += performance.now() - began.get(request);
});
const start = performance.now();
await fromGkeWorkloadIdentity()();
console.log(JSON.stringify({ total: performance.now() - start, network }));
