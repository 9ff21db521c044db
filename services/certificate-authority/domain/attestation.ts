import type { CertificateRecord } from "./certificate.ts";
import type { SubjectAltNames } from "./csr-facts.ts";
import type { ReviewedBinding } from "./review-document.ts";

/** The group of client certificates that attestation gives out: they may ask for a kubelet's certificate and nothing else. */
export const ATTESTED_GROUP = "system:bootstrappers:node-attest";
/** Signer name under which these certificates are on record. */
export const ATTESTATION_SIGNER = "gatehouse.dev/node-attestation";

/** What the user names of these certificates begin with; nobody else gets such a name. */
export const ATTESTED_USER_PREFIX = "nodeattest:";
const TOKEN_USER_PREFIX = "system:bootstrap:";

/** How a credential is known to the API server: as a certificate's common name, or as a bootstrap token's user. */
export function userOfCredential({ id, kind }: Pick<AttestedCredential, "id" | "kind">): string {
  return `${kind === "token" ? TOKEN_USER_PREFIX : ATTESTED_USER_PREFIX}${id}`;
}

/** The id of the credential that a user name may stand for; undefined for everybody else. */
export function credentialIdOf(username: string): string | undefined {
  for (const prefix of [ATTESTED_USER_PREFIX, TOKEN_USER_PREFIX])
    if (username.startsWith(prefix)) return username.slice(prefix.length);
  return undefined;
}

/** DNS names (lower case) and addresses (canonical text) that belong to a machine. */
export type MachineNames = Pick<SubjectAltNames, "dnsNames" | "ipAddresses">;

/** A machine, known by what its attestor calls it. */
export interface Machine {
  /** The kind of attestor, e.g. `tpm2`. */
  readonly attestor: string;
  readonly machineId: string;
  /** `banned` machines get nothing until they are released. */
  readonly state: "active" | "banned";
  /** Whether an administrator put it down, rather than its first attestation. */
  readonly isEnrolled: boolean;
  /** The only name it gets; undefined where nobody fixed one. */
  readonly nodeName: string | undefined;
  /** What an administrator wrote down for it. */
  readonly names: MachineNames;
  /** What may not change from one attestation to the next. */
  readonly pins: Readonly<Record<string, string>>;
  /** Of its last attestation; undefined before the first, and after a release. */
  readonly attestedAt: Date | undefined;
  /** When it was launched, as a cloud's API told at its last attestation. */
  readonly launchedAt: Date | undefined;
  readonly createdAt: Date;
}

/** That a node's name belongs to a machine. A name has one active binding at most, and so has a machine. */
export interface Binding {
  readonly id: string;
  readonly nodeName: string;
  readonly attestor: string;
  readonly machineId: string;
  /** The profile that judged the evidence. */
  readonly profile: string;
  /** Verified facts of the last attestation. */
  readonly fields: Readonly<Record<string, string>>;
  /** Lower-case hex SHA-256 of the evidence. */
  readonly evidenceSha256: string;
  readonly names: MachineNames;
  readonly state: "active" | "replaced" | "released";
  readonly createdAt: Date;
  readonly attestedAt: Date;
}

/** What a machine got for its evidence: good for one request for one name. */
export interface AttestedCredential {
  readonly id: string;
  readonly bindingId: string;
  readonly nodeName: string;
  readonly kind: "clientCert" | "token";
  /** Of the key in the certificate, lower-case hex SHA-256; of the bootstrap key for a token. */
  readonly spkiSha256: string;
  readonly expiresAt: Date;
  readonly state: "issued" | "used" | "revoked";
  /** The one request it was used for. */
  readonly requestUid: string | undefined;
}

/** An attestation whose evidence was verified, before anything is on record. */
export interface VerifiedAttestation {
  readonly attestor: string;
  readonly profile: string;
  readonly machineId: string;
  readonly nodeName: string;
  readonly pins: Readonly<Record<string, string>>;
  readonly fields: Readonly<Record<string, string>>;
  readonly names: MachineNames;
  readonly evidenceSha256: string;
  readonly isFresh: boolean;
  readonly launchedAt: Date | undefined;
  /** Only a machine that an administrator enrolled gets a binding. */
  readonly mustBeEnrolled: boolean;
  /** Nobody fixed the name: a template made it of verified fields. */
  readonly isNameTemplated: boolean;
  /** The active binding of the name that may be replaced: its machine is known to be gone. */
  readonly replaces: string | undefined;
  /** The join token that is used up. */
  readonly consumesToken: string | undefined;
}

/** What is on record about an attestation's machine and name. */
export interface AttestationRecord {
  readonly machine: Machine | undefined;
  /** A machine that an administrator enrolled with the name. */
  readonly enrolledAs: Machine | undefined;
  /** The active binding of the machine. */
  readonly ofMachine: Binding | undefined;
  /** The active binding of the name. */
  readonly ofName: Binding | undefined;
}

/** What keeps an attestation from being put on record; for the audit log. */
export interface AttestationObjection {
  readonly code: "denied" | "conflict";
  readonly message: string;
}

/**
 * Judges a verified attestation by what is on record; the ledger asks inside the transaction that stores it.
 *
 * @returns undefined when nothing speaks against it.
 */
export function objectionTo(
  attestation: VerifiedAttestation,
  { machine, enrolledAs, ofMachine, ofName }: AttestationRecord,
): AttestationObjection | undefined {
  const { nodeName, mustBeEnrolled, replaces } = attestation;
  if (machine?.state === "banned") return denial("the machine is banned; release it to let it join");
  if (mustBeEnrolled && machine?.isEnrolled !== true)
    return denial("the machine is not enrolled, and its profile takes no machine at first sight");
  if (machine?.nodeName !== undefined && machine.nodeName !== nodeName)
    return denial(`the machine is enrolled as ${machine.nodeName}, not as ${nodeName}`);
  if (attestation.isNameTemplated && enrolledAs !== undefined && !isOf(enrolledAs, attestation))
    return { code: "conflict", message: `${nodeName} is the name of an enrolled machine, ${enrolledAs.machineId}` };
  const pin = Object.entries(attestation.pins).find(([key, value]) => (machine?.pins[key] ?? value) !== value);
  if (pin !== undefined) return denial(`the machine's ${pin[0]} is another than before; release it if that is right`);
  if (ofMachine !== undefined && ofMachine.nodeName !== nodeName)
    return denial(`the machine is bound to ${ofMachine.nodeName}; release it before it gets another name`);
  if (ofName !== undefined && !isOf(ofName, attestation) && ofName.id !== replaces)
    return { code: "conflict", message: `${nodeName} is bound to another machine, ${ofName.machineId}` };
  return replayObjection(attestation, machine);
}

/** Evidence that anybody can show who has seen it counts once. */
function replayObjection(
  { isFresh, launchedAt }: VerifiedAttestation,
  machine: Machine | undefined,
): AttestationObjection | undefined {
  if (isFresh || machine?.attestedAt === undefined) return undefined;
  const wasLaunchedAgain =
    launchedAt !== undefined && machine.launchedAt !== undefined && launchedAt > machine.launchedAt;
  if (wasLaunchedAgain) return undefined;
  return denial("such evidence counts once, and it was shown before; release the machine to let it attest again");
}

function isOf(binding: Pick<Binding, "attestor" | "machineId">, { attestor, machineId }: VerifiedAttestation): boolean {
  return binding.attestor === attestor && binding.machineId === machineId;
}

function denial(message: string): AttestationObjection {
  return { code: "denied", message };
}

/** What hooks are told of the machine that a name is bound to. */
export function reviewedBinding(
  attestations: Pick<Attestations, "bindingOf" | "machine" | "credential">,
  nodeName: string,
  username: string,
): ReviewedBinding | null {
  const binding = attestations.bindingOf(nodeName);
  if (binding === undefined) return null;
  const { id, attestor, machineId, profile, fields, names, attestedAt } = binding;
  const credentialId = credentialIdOf(username);
  const credential = credentialId === undefined ? undefined : attestations.credential(credentialId);
  return {
    ...{ id, attestor, machineId, profile, fields, ...names, attestedAt: attestedAt.toISOString() },
    isEnrolled: attestations.machine(attestor, machineId)?.isEnrolled ?? false,
    // What was taken back names nobody any more.
    isRequester: credential?.bindingId === id && credential.state !== "revoked",
  };
}

/** What becomes of an attestation that nothing speaks against. */
export interface AttestationGrant {
  /** Of the binding, if it is a new one. */
  readonly bindingId: string;
  /** With `clientCert`: recorded in the same transaction. */
  readonly certificate: CertificateRecord | undefined;
  readonly credential: Pick<AttestedCredential, "id" | "kind" | "spkiSha256" | "expiresAt">;
}

/** How a credential's one use went. */
export type CredentialUse =
  /** It is this request's now, or was before. */
  | { readonly kind: "used"; readonly credential: AttestedCredential }
  /** It was another request's, is revoked or has expired. */
  | { readonly kind: "refused"; readonly credential: AttestedCredential | undefined; readonly message: string };

/** The pin that holds the name of a TPM's attestation key, lower-case hex. */
export const ATTESTATION_KEY_PIN = "attestation_key";

/** What a request shows about where its key lives. */
export type RequestKeyEvidence =
  | { readonly kind: "absent" }
  /** In the TPM that this attestation key (its name, lower-case hex) lives in, for that node's name. */
  | { readonly kind: "certified"; readonly attestationKey: string }
  | { readonly kind: "wrong"; readonly message: string };

/** Reads what stands beside a certificate request. */
export interface RequestKeys {
  /** @param requestBase64 - `spec.request`; its first block was decoded and is the request with this key. */
  evidenceOf(
    requestBase64: string,
    about: { readonly nodeName: string; readonly spkiDer: Uint8Array },
  ): RequestKeyEvidence;
}

/** A machine as an administrator writes it down. */
export interface Enrollment {
  readonly attestor: string;
  readonly machineId: string;
  readonly nodeName: string | undefined;
  readonly names: MachineNames;
}

/** What has ended before these instants is forgotten. */
export interface SweptBefore {
  readonly challenges: Date;
  readonly credentials: Date;
}

/** Machines, their names and what they got. What a method resolves with is durable. */
export interface Attestations {
  /**
   * Notes that a challenge was answered.
   * @returns false when it was before.
   */
  useChallenge(id: string, expiresAt: Date): Promise<boolean>;
  /** Puts machine, binding and credential on record in one transaction, or nothing. */
  complete(
    attestation: VerifiedAttestation,
    grant: AttestationGrant,
  ): Promise<{ readonly binding: Binding } | { readonly objection: AttestationObjection }>;
  /** Uses a credential for a request: once, or again for the same request. */
  useCredential(id: string, requestUid: string): Promise<CredentialUse>;
  /** @returns false when there is none that could still be used. */
  revokeCredential(id: string, message: string): Promise<boolean>;
  credential(id: string): AttestedCredential | undefined;
  /** The active binding of a name. Synchronous: every renewal asks. */
  bindingOf(nodeName: string): Binding | undefined;
  /** Whether a name was bound once and is no more: what had it is not to be taken for one that never attested. */
  wasBound(nodeName: string): boolean;
  /** A machine that an administrator enrolled with the name. */
  enrolledAs(nodeName: string): Machine | undefined;
  machine(attestor: string, machineId: string): Machine | undefined;
  /** In the order of attestors and ids, after the given one. */
  machines(after: Pick<Machine, "attestor" | "machineId"> | undefined, limit: number): readonly Machine[];
  /** Every binding of a machine, the newest first. */
  bindingsOf(attestor: string, machineId: string): readonly Binding[];
  /** Puts machines down, or changes what was written down about them; all or none. */
  enroll(machines: readonly Enrollment[], actor: string): Promise<void>;
  /**
   * `release` ends the machine's binding and ban and forgets its pins, so that it attests as for the first time; `ban` ends its
   * binding and refuses it from then on. Credentials that were not used are revoked.
   * @returns undefined when there is no such machine.
   */
  change(
    machine: Pick<Machine, "attestor" | "machineId">,
    change: "release" | "ban",
    message: string,
    actor: string,
  ): Promise<Machine | undefined>;
  /** Notes an attempt that got nothing. */
  recordRefusal(refusal: AttestationRefusalRecord): Promise<void>;
  /** Drops challenges and credentials that ended before these instants; returns how many. */
  sweep(before: SweptBefore): Promise<number>;
  /** How many `sweep` would drop. */
  countOver(before: SweptBefore): number;
}

/** An attempt that got nothing, for the audit trail. */
export interface AttestationRefusalRecord {
  readonly attestor: string;
  readonly profile: string;
  readonly nodeName: string;
  readonly address: string;
  readonly code: string;
  readonly message: string;
  /** How many before this one were counted and not put on record. */
  readonly withheld: number;
}
