import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { stringify } from "yaml";
import type { Clock } from "../shared/clock.ts";
import type { Logger } from "../shared/logging.ts";
import type { Access } from "./access/access.ts";
import type { HookSettings } from "./approval/settings.ts";
import { autoApprovedGroups } from "./attestation/auto-approval.ts";
import { createAttestor } from "./attestation/create-attestors.ts";
import type { FindJoinToken } from "./attestation/join-token/attestor.ts";
import type { IsKubeletCertificate } from "./attestation/judgement.ts";
import {
  type AttestationDependencies,
  type AttestationService,
  type CredentialMaker,
  createAttestationService,
  type MadeCredential,
} from "./attestation/service.ts";
import type { AttestationSettings } from "./attestation/settings.ts";
import { type Configuration, ConfigurationError } from "./configuration.ts";
import { ATTESTED_GROUP, userOfCredential } from "./domain/attestation.ts";
import type { Authorizer } from "./domain/authorization.ts";
import { KUBELET_CLIENT_SIGNER } from "./domain/kubelet-client.ts";
import { openNodeStates } from "./kubernetes/node-states.ts";
import type { Ledger } from "./ledger/ledger.ts";
import type { ownIdentity } from "./own-identity.ts";

/** Looks whether anybody is approved past attestation. */
export interface AttestationWatch {
  /** The groups whose members are approved for any node's name; none where nobody attests. Each is logged. */
  check(): Promise<readonly string[]>;
  /** @throws {Error} when the last look found some, or nobody could look yet. */
  requireNone(): void;
}

export interface AttestationWatchParts {
  readonly authorizer: Authorizer;
  readonly isInCluster: boolean;
  /** The hooks that decide now. */
  readonly hooks: () => readonly HookSettings[];
  readonly logger: Pick<Logger, "error">;
}

/**
 * In a cluster Kubernetes' own approver may approve what we would deny. Standalone nobody but our chain approves, and its
 * hook denies who did not attest, unless it is not asked about everybody.
 */
export function createAttestationWatch(
  { attestation }: Pick<Configuration, "attestation">,
  { authorizer, isInCluster, hooks, logger }: AttestationWatchParts,
): AttestationWatch {
  const isNeedless = (): boolean => attestation === undefined || (!isInCluster && hooks().some(deniesOthers));
  let found: readonly string[] | undefined;
  return {
    async check() {
      if (isNeedless()) return [];
      found = await autoApprovedGroups(authorizer);
      for (const group of found)
        logger.error(
          { group },
          "members of this group may create certificatesigningrequests/nodeclient: they are approved for any node's name, past attestation; take that right away",
        );
      return found;
    },
    requireNone() {
      if (isNeedless()) return;
      if (found === undefined) throw new Error("nobody could look yet who is approved past attestation");
      if (found.length > 0) throw new Error(`${found.join(", ")} may be approved past attestation`);
    },
  };
}

/** Whether the hook denies whoever did not attest, whatever they ask a kubelet's certificate with. */
function deniesOthers(hook: HookSettings): boolean {
  if (!("node-attestation" in hook)) return false;
  const { others, signers, requesters } = hook["node-attestation"];
  return others === "deny" && signers === undefined && requesters === undefined;
}

const CREDENTIAL_ID_BYTES = 16;
const USER = "kubelet-bootstrap";

export interface AttestationParts {
  readonly ledger: Pick<Ledger, "attestations" | "certificates">;
  readonly identity: ReturnType<typeof ownIdentity>;
  readonly tokens: Access["tokenAdministration"];
  /** 32 octets. */
  readonly sealKey: Uint8Array;
  /** Whether the requests of a cluster are worked on: then its API server knows nothing of our tokens. */
  readonly isInCluster: boolean;
  /** Where we are reached, and whom those who reach us trust. */
  readonly serverUrl: () => string;
  readonly trustedCaPem: () => string;
  readonly observe: AttestationDependencies["observe"];
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * The attestation protocol as it is configured; undefined when it is not.
 *
 * @throws {ConfigurationError} naming the setting that cannot be used.
 */
export function configuredAttestation(
  { attestation: settings }: Pick<Configuration, "attestation">,
  parts: AttestationParts,
): AttestationService | undefined {
  if (settings === undefined) return undefined;
  requireUsable(settings, parts);
  const { ledger, clock, logger, tokens } = parts;
  const tools = { audience: settings.audience, clock, logger, findJoinToken: joinTokenFinder(tokens) };
  const profiles = settings.profiles.map((profile) => {
    try {
      return { settings: profile, attestor: createAttestor(profile, tools) };
    } catch (cause) {
      throw new ConfigurationError(`attestation profile ${profile.name}: ${(cause as Error).message}`, { cause });
    }
  });
  const nodes = settings.nodeObject && openNodeStates(settings.nodeObject);
  const service = createAttestationService({
    ...{ settings, profiles, nodes, clock, logger, sealKey: parts.sealKey, observe: parts.observe },
    attestations: ledger.attestations,
    isKubeletCertificate: kubeletCertificates(ledger),
    credentials: settings.credential.kind === "token" ? tokenMaker(settings, parts) : certificateMaker(settings, parts),
  });
  return {
    ...service,
    close() {
      service.close();
      nodes?.close();
    },
  };
}

function requireUsable(
  { credential, apiServer }: AttestationSettings,
  { isInCluster, logger }: Pick<AttestationParts, "isInCluster" | "logger">,
): void {
  if (!isInCluster) return;
  if (credential.kind === "token")
    throw new ConfigurationError(
      "attestation.credential.kind is token: the cluster's API server does not know our tokens; use clientCert",
    );
  if (apiServer === undefined)
    throw new ConfigurationError("attestation.apiServer is needed: machines are to talk to the cluster's API server");
  logger.warn(
    "attestation in a cluster: each replica has its own record of machines, and denies what attested at another; run one replica",
  );
}

function joinTokenFinder(tokens: AttestationParts["tokens"]): FindJoinToken {
  return (id) => {
    const found = tokens.attestationToken(id);
    const { nodeName, expiresAt } = found?.record ?? {};
    if (found === undefined || nodeName === undefined || expiresAt === undefined) return undefined;
    return { id, key: found.key, nodeName, expiresAt };
  };
}

function kubeletCertificates({ certificates }: AttestationParts["ledger"]): IsKubeletCertificate {
  return async (certificate, nodeName, now) => {
    const fingerprint = createHash("sha256").update(certificate.raw).digest("hex");
    const record = await certificates.get(fingerprint);
    return (
      record?.fingerprint === fingerprint &&
      record.signerName === KUBELET_CLIENT_SIGNER &&
      record.nodeName === nodeName &&
      record.state === "issued" &&
      record.notBefore <= now &&
      now < record.notAfter
    );
  };
}

/** Certificates of ten minutes, for the machine's own key. */
function certificateMaker(settings: AttestationSettings, parts: AttestationParts): CredentialMaker {
  return {
    async make({ spkiDer }): Promise<MadeCredential> {
      const id = randomBytes(CREDENTIAL_ID_BYTES).toString("hex");
      const spkiSha256 = createHash("sha256").update(spkiDer).digest("hex");
      const kind = "clientCert";
      const name = userOfCredential({ id, kind });
      const { lifetimeSeconds } = settings.credential;
      const { record, pem, chainPem } = await parts.identity.attested(name, { spkiDer, spkiSha256 }, lifetimeSeconds);
      const certPem = pem + chainPem;
      const user = { "client-certificate-data": Buffer.from(certPem).toString("base64") };
      return {
        grant: { credential: { id, kind, spkiSha256, expiresAt: record.notAfter }, certificate: record },
        answer: { certPem, kubeconfig: kubeconfigWith(settings, parts, user) },
        // Nobody saw it, and nobody has its record.
        discard: async () => undefined,
      };
    },
  };
}

/** Bootstrap tokens, bound to the node's name. */
function tokenMaker(settings: AttestationSettings, parts: AttestationParts): CredentialMaker {
  return {
    async make({ nodeName, spkiDer, now }): Promise<MadeCredential> {
      const spkiSha256 = createHash("sha256").update(spkiDer).digest("hex");
      const { lifetimeSeconds: ttlSeconds } = settings.credential;
      const wanted = { description: `attested as ${nodeName}`, ttlSeconds, groups: [ATTESTED_GROUP], nodeName };
      const { record, token } = await parts.tokens.create(wanted, "gatehouse");
      const { id, expiresAt = now } = record;
      return {
        grant: { credential: { id, kind: "token", spkiSha256, expiresAt }, certificate: undefined },
        answer: { token, kubeconfig: kubeconfigWith(settings, parts, { token }) },
        discard: async () => void (await parts.tokens.remove(id, "gatehouse")),
      };
    },
  };
}

function kubeconfigWith({ apiServer }: AttestationSettings, parts: AttestationParts, user: object): string {
  const server = apiServer?.url ?? parts.serverUrl();
  const caPem = apiServer === undefined ? parts.trustedCaPem() : readFileSync(apiServer.caFile, "utf8");
  const name = "gatehouse";
  const cluster = { server, "certificate-authority-data": Buffer.from(caPem).toString("base64") };
  return stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name, cluster }],
    users: [{ name: USER, user }],
    contexts: [{ name, context: { cluster: name, user: USER } }],
    "current-context": name,
  });
}
