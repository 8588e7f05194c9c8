import { isNodesAccount } from "../errors/commands.js";
import { findTokenFile } from "../token/token-file.js";
import { describeWorkload } from "../token/workload.js";
import type { Setup } from "./check-configuration.js";
import { ok, type Success, skip, warn } from "./step.js";

export interface ServiceAccount {
  /** Whose token is expected: an email, or a workload pool where none is linked; undefined where nothing says so. */
  readonly email: string | undefined;
}

const DESCRIBE_MS = 3_000;
const NEXT_STEP = "The next step says what to do.";

/** Whether the workload has a Google service account, and whether that is its own. */
export async function checkServiceAccount({ options }: Setup): Promise<Success<ServiceAccount>> {
  if (options.idTokenProvider) return skip("not asked: the idTokenProvider's", { email: undefined });
  if (findTokenFile(options) !== undefined)
    return skip("not asked: the one that the token in the file names", { email: undefined });
  const { namespace, kubernetesServiceAccount, serviceAccountEmail } = await describeWorkload(DESCRIBE_MS);
  const email = options.serviceAccountEmail === "default" ? serviceAccountEmail : options.serviceAccountEmail;
  if (email === undefined) return warn("the metadata server names none", NEXT_STEP, { email });
  if (email.endsWith(".svc.id.goog")) {
    return warn(`none: it answers with the workload pool, ${email}`, NEXT_STEP, { email });
  }
  if (isNodesAccount(email)) {
    return warn(
      `${email}, which is the node's own`,
      "A pod gets it on a node pool without the GKE metadata server, or on the host network. On Compute Engine and Cloud Run it is the default.",
      { email },
    );
  }
  const pod = namespace ? `, for ${namespace}/${kubernetesServiceAccount}` : "";
  return ok(`${email}${pod}`, { email });
}
