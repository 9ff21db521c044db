import { createHash, X509Certificate } from "node:crypto";
import { parse } from "yaml";
import { z } from "zod";
import { AgentError } from "../agent-error.ts";
import { askedServer, type ServerAddress } from "../api/asked-server.ts";
import type { Patience } from "../api/patient.ts";
import { certificateBlocks } from "../certificates/credential-files.ts";

const CLUSTER_INFO_PATH = "/api/v1/namespaces/kube-public/configmaps/cluster-info";

const TRUST_BUNDLE_PATH = "/v1/trust-bundle";
const PEM_TYPE = "application/x-pem-file";
const WITH_CA = "Give the CA itself, with --ca.";

const clusterInfoSchema = z.object({ data: z.object({ kubeconfig: z.string() }) });
const kubeconfigSchema = z.object({
  clusters: z.tuple([z.object({ cluster: z.object({ "certificate-authority-data": z.string() }) })]),
});

/** A server whose CA is at hand, or known by the hashes of its key. */
export interface NamedServer extends ServerAddress {
  /** Each as `sha256:` and 64 hexadecimal digits of the hash of a SubjectPublicKeyInfo; empty for none. */
  readonly pins: readonly string[];
}

/**
 * The server, its CA being known: of those that the cluster publishes only the ones that a pin names are trusted, and the
 * server has to show a certificate of one of them.
 *
 * @throws {AgentError} `untrusted` when no pin fits; `refused` when nothing is published.
 * Source: kubernetes cmd/kubeadm/app/discovery/token/token.go.
 */
export async function trustedServer({ pins, ...server }: NamedServer, again: Patience): Promise<ServerAddress> {
  if (pins.length === 0) return server;
  const { origin } = server.url;
  const published = await again(() => publishedCas(server, true));
  const pinned = certificateBlocks(published).filter((pem) => pins.includes(pinOf(pem)));
  if (pinned.length === 0) {
    const found = certificateBlocks(published).map(pinOf).join(", ") || "none";
    const hint = "Compare it with: gatehouse issuer list, or take the CA from where you trust it, with --ca.";
    throw new AgentError("untrusted", `${origin} names CAs that no --ca-pin fits: ${found}`, { hint });
  }
  const trusted = { ...server, caPem: `${pinned.join("\n")}\n` };
  await again(() => publishedCas(trusted, false));
  return trusted;
}

/** The hash of a certificate's key, as kubeadm writes it. Source: RFC 7469 section 2.4; kubeadm's pubkeypin. */
function pinOf(certificatePem: string): string {
  const spki = new X509Certificate(certificatePem).publicKey.export({ type: "spki", format: "der" });
  return `sha256:${createHash("sha256").update(spki).digest("hex")}`;
}

/**
 * What the cluster publishes for whoever joins, or Gatehouse for everybody. Who answers is not known yet, so nothing is
 * shown to them; what they say is compared with the pins.
 */
async function publishedCas(server: ServerAddress, skipsVerification: boolean): Promise<string> {
  const ask = askedServer(server, undefined);
  const info = await ask({ method: "GET", path: CLUSTER_INFO_PATH, skipsVerification });
  if (info.status === 200) return casIn(info.text, server.url.origin);
  const bundle = await ask({ method: "GET", path: TRUST_BUNDLE_PATH, accept: PEM_TYPE, skipsVerification });
  if (bundle.status === 200) return bundle.text;
  const { origin } = server.url;
  const answered = `${info.status} for ${CLUSTER_INFO_PATH}, ${bundle.status} for ${TRUST_BUNDLE_PATH}`;
  if ([info, bundle].some(({ status }) => status === 429 || status >= 500)) {
    throw new AgentError("unreachable", `${origin} answered ${answered}`);
  }
  const message = `${origin} publishes no CA to compare with a pin: it answered ${answered}`;
  throw new AgentError("refused", message, { hint: WITH_CA });
}

function casIn(clusterInfo: string, origin: string): string {
  try {
    const { data } = clusterInfoSchema.parse(JSON.parse(clusterInfo));
    const { clusters } = kubeconfigSchema.parse(parse(data.kubeconfig, { maxAliasCount: 0 }));
    return Buffer.from(clusters[0].cluster["certificate-authority-data"], "base64").toString("utf8");
  } catch (cause) {
    throw new AgentError("refused", `${origin} publishes a cluster-info that holds no CA`, { cause, hint: WITH_CA });
  }
}
