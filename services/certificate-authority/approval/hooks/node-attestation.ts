import { NODE_USER_PREFIX, NODES_GROUP } from "../../../shared/node-identity.ts";
import {
  ATTESTATION_KEY_PIN,
  ATTESTED_USER_PREFIX,
  type Attestations,
  type AttestedCredential,
  type Binding,
  credentialIdOf,
  type RequestKeys,
} from "../../domain/attestation.ts";
import type { Verdict } from "../../domain/decision.ts";
import { KUBELET_CLIENT_SIGNER, recogniseKubeletClient } from "../../domain/kubelet-client.ts";
import type { ApprovalHook, ReviewInput } from "../../domain/ports.ts";
import { requestedNodeName } from "../../domain/requested-node.ts";

export interface NodeAttestationSettings {
  readonly others: "deny" | "ignore";
  readonly maximumAgeSeconds?: number | undefined;
  readonly attestedKeys: "ignore" | "accept" | "require";
}

/** What is on record about machines. */
export type AttestationRecords = Pick<
  Attestations,
  "useCredential" | "revokeCredential" | "credential" | "bindingOf" | "wasBound" | "machine"
>;

/** What the hook stands on. */
export interface NodeAttestationDependencies {
  readonly attestations: AttestationRecords;
  readonly requestKeys: RequestKeys;
}

/** For what runs beside no server: nobody attested. */
export const NOBODY_ATTESTED: AttestationRecords = {
  useCredential: async () => ({ kind: "refused", credential: undefined, message: "nobody attests here" }),
  revokeCredential: async () => false,
  credential: () => undefined,
  bindingOf: () => undefined,
  wasBound: () => false,
  machine: () => undefined,
};

const HINT = "attest again: gatehouse join --attestor … on the machine";

/**
 * Approves a kubelet's client certificate when the requester's credential was given to the machine that its name is bound
 * to, once; and a node's renewal while its binding is active. What asks with such a credential for anything else is
 * denied, and so is everybody else unless they are to be ignored. Other signers are none of its business.
 *
 * Where attested keys are accepted, whoever shows that the request's key lives in the TPM of the machine that the name is bound to
 * gets the certificate: it is of use to that machine alone. Where they are required, all of the above need that as well.
 */
export function nodeAttestationHook(
  settings: NodeAttestationSettings,
  dependencies: NodeAttestationDependencies,
): ApprovalHook {
  return { name: "node-attestation", review: (input) => review(settings, dependencies, input) };
}

function review(
  settings: NodeAttestationSettings,
  { attestations: records, requestKeys }: NodeAttestationDependencies,
  input: ReviewInput,
): Verdict | Promise<Verdict> {
  const { csr, facts } = input;
  const { username = "", groups = [] } = csr.spec;
  const credential = credentialOf(records, username);
  if (csr.spec.signerName !== KUBELET_CLIENT_SIGNER) {
    if (credential === undefined) return SKIPPED;
    return denied("OtherSigner", "the credential is for a kubelet's client certificate and nothing else", {});
  }
  const nodeName = requestedNodeName(facts);
  if (nodeName === undefined || recogniseKubeletClient(csr.spec, facts).length === 0)
    return denied("NotRecognised", "this is no request for a kubelet's client certificate", {});
  const key = judgeKey(settings, { records, requestKeys }, input, nodeName);
  if (typeof key === "object") return key;
  if (credential !== undefined) return judgeJoin(records, input, credential, nodeName);
  const isNode = username.startsWith(NODE_USER_PREFIX) && groups.includes(NODES_GROUP);
  if (isNode && username === facts.subject.commonName) return judgeRenewal(settings, records, input, nodeName);
  if (key === "certified") return judgeRenewal(settings, records, input, nodeName);
  if (settings.others === "ignore")
    return { kind: "noOpinion", reason: "NotAttested", message: "the requester did not attest", evidence: {} };
  return denied("NotAttested", "the requester has no credential that attestation gave out", { hint: HINT });
}

const SKIPPED: Verdict = {
  kind: "skipped",
  reason: "OtherSigner",
  message: "only kubelets' client certificates are attested",
  evidence: {},
};

/** Whether the request's key is known to live in its machine's TPM; a verdict where that has to be, and is not. */
function judgeKey(
  { attestedKeys }: NodeAttestationSettings,
  { records, requestKeys }: { readonly records: AttestationRecords; readonly requestKeys: RequestKeys },
  { csr, facts }: ReviewInput,
  nodeName: string,
): "certified" | "unknown" | Verdict {
  if (attestedKeys === "ignore") return "unknown";
  const evidence = requestKeys.evidenceOf(csr.spec.request, { nodeName, spkiDer: facts.spkiDer });
  if (evidence.kind === "wrong") return denied("KeyNotAttested", evidence.message, {});
  if (evidence.kind === "absent") {
    if (attestedKeys === "accept") return "unknown";
    return denied("KeyNotAttested", "the request does not show that its key lives in the machine's TPM", {});
  }
  const binding = records.bindingOf(nodeName);
  const machine = binding && records.machine(binding.attestor, binding.machineId);
  if (machine?.pins[ATTESTATION_KEY_PIN] === evidence.attestationKey) return "certified";
  const message = `the request's key is certified by an attestation key that is not of the machine ${nodeName} is bound to`;
  return denied("KeyNotAttested", message, { hint: HINT });
}

/** A bootstrap token that nobody got by attesting is somebody else's; an unknown `nodeattest:` user is ours, and over. */
function credentialOf(records: AttestationRecords, username: string): AttestedCredential | "unknown" | undefined {
  const id = credentialIdOf(username);
  if (id === undefined) return undefined;
  return records.credential(id) ?? (username.startsWith(ATTESTED_USER_PREFIX) ? "unknown" : undefined);
}

async function judgeJoin(
  records: AttestationRecords,
  { csr, now, isRehearsal = false }: ReviewInput,
  credential: AttestedCredential | "unknown",
  nodeName: string,
): Promise<Verdict> {
  if (credential === "unknown")
    return denied("CredentialUnknown", "the credential is on record no more", { hint: HINT });
  const { id, state, expiresAt, requestUid } = credential;
  const { uid } = csr.metadata;
  const evidence = { credentialId: id, boundTo: credential.nodeName };
  if (credential.nodeName !== nodeName) {
    if (!isRehearsal) await records.revokeCredential(id, `it was used to ask for ${nodeName}`);
    const consequence = isRehearsal ? "" : "; it is revoked";
    const message = `the credential is for ${credential.nodeName}, not for ${nodeName}${consequence}`;
    return denied("OtherNode", message, { ...evidence, alarm: true });
  }
  const binding = records.bindingOf(nodeName);
  const problem = bindingProblem(records, binding, credential);
  if (problem !== undefined) return denied("NotBound", problem, { ...evidence, hint: HINT });
  const isOver = now >= expiresAt && requestUid !== uid;
  if (state === "revoked" || isOver || (state === "used" && requestUid !== uid)) {
    const what = state === "revoked" ? "is revoked" : state === "used" ? "was used for another request" : "has expired";
    return denied("CredentialOver", `the credential ${what}`, { ...evidence, hint: HINT });
  }
  if (!isRehearsal) {
    const use = await records.useCredential(id, uid);
    if (use.kind === "refused") return denied("CredentialOver", use.message, { ...evidence, hint: HINT });
  }
  const message = `the machine that ${nodeName} is bound to attested, and this is its one request`;
  return { kind: "approved", reason: "Attested", message, evidence: { ...evidence, ...evidenceOf(binding) } };
}

function bindingProblem(
  records: AttestationRecords,
  binding: Binding | undefined,
  { bindingId, nodeName }: AttestedCredential,
): string | undefined {
  if (binding === undefined || binding.id !== bindingId) return `${nodeName} is bound to that machine no more`;
  const machine = records.machine(binding.attestor, binding.machineId);
  return machine?.state === "active" ? undefined : `the machine of ${nodeName} is banned`;
}

function judgeRenewal(
  { others, maximumAgeSeconds }: NodeAttestationSettings,
  records: AttestationRecords,
  { now }: ReviewInput,
  nodeName: string,
): Verdict {
  const binding = records.bindingOf(nodeName);
  if (binding === undefined) {
    if (records.wasBound(nodeName))
      return denied("BindingEnded", `${nodeName} is bound to its machine no more`, { hint: HINT });
    const message = `${nodeName} is bound to no machine`;
    if (others === "ignore") return { kind: "noOpinion", reason: "NotBound", message, evidence: {} };
    return denied("NotBound", message, { hint: HINT });
  }
  const evidence = evidenceOf(binding);
  if (records.machine(binding.attestor, binding.machineId)?.state !== "active")
    return denied("Banned", `the machine of ${nodeName} is banned`, evidence);
  const ageSeconds = Math.floor((now.getTime() - binding.attestedAt.getTime()) / 1000);
  if (maximumAgeSeconds !== undefined && ageSeconds > maximumAgeSeconds) {
    const message = `${nodeName} attested ${ageSeconds} seconds ago, and at most ${maximumAgeSeconds} count`;
    return denied("AttestationTooOld", message, { ...evidence, hint: HINT });
  }
  return { kind: "approved", reason: "Bound", message: `${nodeName} is bound to the machine that attested`, evidence };
}

function evidenceOf(binding: Binding | undefined): Readonly<Record<string, unknown>> {
  if (binding === undefined) return {};
  const { id, attestor, machineId, profile, fields, attestedAt } = binding;
  return { bindingId: id, attestor, machineId, profile, fields, attestedAt: attestedAt.toISOString() };
}

function denied(reason: string, message: string, evidence: Verdict["evidence"]): Verdict {
  return { kind: "denied", reason, message, evidence };
}
