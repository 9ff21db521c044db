import { z } from "zod";
import { AgentError } from "../agent-error.ts";
import { askedServer, type Credentials, type ServerAddress } from "../api/asked-server.ts";
import { refusal } from "../api/signing-api.ts";

const PATH = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
const reviewSchema = z.object({ status: z.object({ allowed: z.boolean() }) });

/**
 * Asks the server whether it knows a credential, and lets it ask for certificates.
 *
 * @throws {AgentError} `refused` when it does not.
 */
export async function requireMayAsk(server: ServerAddress, credentials: Credentials): Promise<void> {
  const { origin } = server.url;
  const resourceAttributes = { group: "certificates.k8s.io", resource: "certificatesigningrequests", verb: "create" };
  const body = {
    ...{ apiVersion: "authorization.k8s.io/v1", kind: "SelfSubjectAccessReview" },
    spec: { resourceAttributes },
  };
  const { status, text } = await askedServer(
    server,
    credentials,
  )({
    ...{ method: "POST", path: PATH },
    body: JSON.stringify(body),
  });
  // Who may not ask this may still be let to ask for a certificate.
  if (status === 403 || status === 404) return;
  if (status !== 200 && status !== 201) throw refusal({ status, text }, origin, credentials);
  if (isAllowed(text, origin)) return;
  const hint =
    "Bind its group, system:bootstrappers, to ClusterRole system:node-bootstrapper; gatehouse token create makes a token that may.";
  throw new AgentError("refused", `${origin} does not let this credential ask for certificates`, { hint });
}

function isAllowed(text: string, origin: string): boolean {
  try {
    return reviewSchema.parse(JSON.parse(text)).status.allowed;
  } catch (cause) {
    throw new AgentError("refused", `${origin} answered with no SelfSubjectAccessReview`, { cause });
  }
}
