import { X509Certificate } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { z } from "zod";
import type { Clock } from "../shared/clock.ts";
import { writeFileDurably } from "../shared/durable-file.ts";
import type { Logger } from "../shared/logging.ts";
import type { OwnCertificate } from "./own-identity.ts";

export const ADMIN_KUBECONFIG = "admin.kubeconfig";
const BOOTSTRAP_KUBECONFIG = "bootstrap.kubeconfig";

type KubeconfigUser =
  | { readonly token: string }
  | { readonly "client-certificate-data": string; readonly "client-key-data": string };

export interface KubeconfigDependencies {
  readonly directory: string;
  readonly serverUrl: string;
  /** What clients trust. */
  readonly caPem: string;
  /** PEM of the CA that signs administrators' certificates now. */
  readonly administratorIssuerPem: string;
  readonly clock: Clock;
  readonly logger: Logger;
  newAdministratorCertificate(): Promise<OwnCertificate>;
  newBootstrapToken(): Promise<string>;
}

/**
 * Leaves `admin.kubeconfig` and, on the first start, `bootstrap.kubeconfig` in the data directory, both 0600. On later
 * starts a credential that still serves is kept and only the server's address and CA are brought up to date: a deleted
 * or expired bootstrap token stays gone.
 */
export async function leaveKubeconfigs(deps: KubeconfigDependencies): Promise<void> {
  await leaveAdministrator(deps);
  await leaveBootstrap(deps);
}

type AdministratorParts = Pick<KubeconfigDependencies, "directory" | "administratorIssuerPem" | "clock">;

/** Whether `leaveKubeconfigs` would have a new administrator's certificate made. */
export function isAdministratorDue(deps: AdministratorParts): boolean {
  const kept = readUser(join(deps.directory, ADMIN_KUBECONFIG));
  return kept === undefined || !servesOn(kept, deps);
}

async function leaveAdministrator(deps: KubeconfigDependencies): Promise<void> {
  const path = join(deps.directory, ADMIN_KUBECONFIG);
  const kept = isAdministratorDue(deps) ? undefined : readUser(path);
  const user = kept ?? certificateUser(await deps.newAdministratorCertificate());
  await write(path, deps, "gatehouse-admin", user);
}

async function leaveBootstrap(deps: KubeconfigDependencies): Promise<void> {
  const path = join(deps.directory, BOOTSTRAP_KUBECONFIG);
  if (!existsSync(path)) {
    await write(path, deps, "kubelet-bootstrap", { token: await deps.newBootstrapToken() });
    return;
  }
  const kept = readUser(path);
  if (kept !== undefined) await write(path, deps, "kubelet-bootstrap", kept);
}

const kubeconfigSchema = z.object({
  users: z.tuple([
    z.object({
      user: z.union([
        z.object({ token: z.string() }),
        z.object({ "client-certificate-data": z.string(), "client-key-data": z.string() }),
      ]),
    }),
  ]),
});

/** The credential in a kubeconfig of ours; undefined when there is none that can be read. */
function readUser(path: string): KubeconfigUser | undefined {
  if (!existsSync(path)) return undefined;
  try {
    return kubeconfigSchema.parse(parse(readFileSync(path, "utf8"))).users[0].user;
  } catch {
    return undefined;
  }
}

/** Whether a kept client certificate was issued by today's issuer and has more than a third of its life left. */
function servesOn(user: KubeconfigUser, { administratorIssuerPem, clock }: AdministratorParts): boolean {
  if (!("client-certificate-data" in user)) return false;
  try {
    const certificate = new X509Certificate(Buffer.from(user["client-certificate-data"], "base64"));
    const life = certificate.validToDate.getTime() - certificate.validFromDate.getTime();
    const left = certificate.validToDate.getTime() - clock.now().getTime();
    return certificate.verify(new X509Certificate(administratorIssuerPem).publicKey) && left > life / 3;
  } catch {
    return false;
  }
}

function certificateUser({ certificatePem, chainPem, privateKeyPem }: OwnCertificate): KubeconfigUser {
  return { "client-certificate-data": base64(certificatePem + chainPem), "client-key-data": base64(privateKeyPem) };
}

async function write(
  path: string,
  deps: KubeconfigDependencies,
  userName: string,
  user: KubeconfigUser,
): Promise<void> {
  const { serverUrl, caPem, logger } = deps;
  const text = stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "gatehouse", cluster: { server: serverUrl, "certificate-authority-data": base64(caPem) } }],
    users: [{ name: userName, user }],
    contexts: [{ name: "gatehouse", context: { cluster: "gatehouse", user: userName } }],
    "current-context": "gatehouse",
  });
  if (existsSync(path) && readFileSync(path, "utf8") === text) return;
  await writeFileDurably(path, text, { mode: 0o600, existing: "replaced" });
  logger.info({ path }, "wrote kubeconfig");
}

/** A kubeconfig without a user. Source: kubernetes cmd/kubeadm/app/phases/bootstraptoken/clusterinfo. */
export function clusterKubeconfig(serverUrl: string, caPem: string): string {
  const cluster = { "certificate-authority-data": base64(caPem), server: serverUrl };
  return stringify({
    ...{ apiVersion: "v1", kind: "Config", preferences: {}, "current-context": "" },
    ...{ clusters: [{ cluster, name: "" }], contexts: [], users: [] },
  });
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
