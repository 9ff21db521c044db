import { X509Certificate } from "node:crypto";
import { isPossessed } from "../../shared/attestation/possession.ts";
import { type CompleteRequest, octetsOf } from "../../shared/attestation/wire.ts";
import type { Attestations, Binding, MachineNames, VerifiedAttestation } from "../domain/attestation.ts";
import { compileGlob } from "../domain/glob.ts";
import type { Attestor, Evidence } from "./attestor.ts";
import { nameOf, requireNodeName } from "./node-name.ts";
import { denied } from "./refusal.ts";
import type { AttestationSettings, ProfileSettings } from "./settings.ts";

/** A profile with its attestor. */
export interface Profile {
  readonly settings: ProfileSettings;
  readonly attestor: Attestor;
}

/** What a cluster says about its nodes. */
export interface NodeStates {
  /** @throws {Error} when it cannot be asked. */
  stateOf(nodeName: string, signal: AbortSignal): Promise<"ready" | "notReady" | "absent">;
}

/** Whether the certificate is one of ours, valid now and not revoked, by which that node's kubelet logs in. */
export type IsKubeletCertificate = (certificate: X509Certificate, nodeName: string, now: Date) => Promise<boolean>;

/** What judgements stand on. */
export interface JudgementDependencies {
  readonly settings: AttestationSettings;
  readonly profiles: readonly Profile[];
  readonly attestations: Pick<Attestations, "machine" | "bindingOf">;
  /** Undefined where no cluster is asked. */
  readonly nodes: NodeStates | undefined;
  readonly isKubeletCertificate: IsKubeletCertificate;
}

/** The kubelet's certificate and signature, where the machine showed them. */
interface ShownKubelet {
  readonly shown: CompleteRequest["kubelet"];
  readonly bind: Buffer;
  readonly now: Date;
}

/**
 * What evidence comes to. The name comes from it and from our own records; the caller's wish has to be the same.
 *
 * @throws {AttestationRefusal}
 */
export function attestationOf(
  { attestations, settings }: JudgementDependencies,
  { settings: profile }: Profile,
  evidence: Evidence,
  { evidenceSha256, wish }: { readonly evidenceSha256: string; readonly wish: string },
): VerifiedAttestation {
  const { machineId, pins, fields, isFresh, launchedAt, consumes } = evidence;
  const { attestor, name, firstUse, nodeName: template } = profile;
  const machine = attestations.machine(attestor, machineId);
  const nodeName = requireNodeName(
    evidence.nodeName ?? machine?.nodeName ?? templated(template, fields, settings.controlPlaneNodes),
  );
  if (wish !== "" && wish !== nodeName)
    throw denied(`the machine asks for ${wish}, and the evidence is for ${nodeName}`);
  const isNamed = evidence.nodeName !== undefined;
  return {
    ...{ attestor, machineId, nodeName, pins, fields, isFresh, launchedAt, evidenceSha256 },
    profile: name,
    names: namesOf(machine?.names, evidence.sans),
    mustBeEnrolled: evidence.mustBeEnrolled === true || (!firstUse && !isNamed),
    isNameTemplated: !isNamed && machine?.nodeName === undefined,
    replaces: undefined,
    consumesToken: consumes?.joinTokenId,
  };
}

function templated(
  template: string | undefined,
  fields: Readonly<Record<string, string>>,
  controlPlaneNodes: readonly string[],
): string {
  if (template === undefined) throw denied("the machine is not enrolled with a name, and the profile makes none");
  const name = nameOf(template, fields);
  const isReserved = controlPlaneNodes.some((pattern) => compileGlob(pattern)(name));
  if (isReserved) throw denied(`${name} is a control-plane node's name: enroll the machine that is to have it`);
  return name;
}

function namesOf(enrolled: MachineNames | undefined, shown: Evidence["sans"]): MachineNames {
  const both = (key: keyof MachineNames) => [...new Set([...(enrolled?.[key] ?? []), ...(shown?.[key] ?? [])])].sort();
  return { dnsNames: both("dnsNames"), ipAddresses: both("ipAddresses") };
}

/**
 * A node that is Ready attests only with its kubelet's key: a pod on it may reach the same metadata service.
 *
 * @throws {AttestationRefusal}
 */
export async function judgeNode(
  { settings, nodes, isKubeletCertificate }: JudgementDependencies,
  nodeName: string,
  { shown: kubelet, bind, now }: ShownKubelet,
  signal: AbortSignal,
): Promise<void> {
  if (nodes === undefined || settings.onNodeReady === "allow") return;
  if ((await nodes.stateOf(nodeName, signal)) !== "ready") return;
  if (kubelet === undefined)
    throw denied(`the node ${nodeName} is Ready: it attests only with its kubelet's key, or when it is down`);
  const certificate = new X509Certificate(octetsOf(kubelet.certificate));
  if (!(await isKubeletCertificate(certificate, nodeName, now)))
    throw denied(`the certificate shown is none that the kubelet of ${nodeName} has now`);
  if (!isPossessed(certificate.publicKey, "kubelet-key", bind, octetsOf(kubelet.signature)))
    throw denied("the kubelet's key did not sign this challenge");
}

/** @returns the id of the name's binding when its machine is known to be gone. */
export async function replaceable(
  { settings, attestations, profiles, nodes }: JudgementDependencies,
  { attestor, machineId, nodeName }: VerifiedAttestation,
  signal: AbortSignal,
): Promise<string | undefined> {
  const former = attestations.bindingOf(nodeName);
  if (former === undefined || (former.attestor === attestor && former.machineId === machineId)) return undefined;
  if (settings.onNameConflict === "deny") return undefined;
  if (nodes !== undefined && (await nodes.stateOf(nodeName, signal)) !== "absent") return undefined;
  return (await isGone(profiles, former, signal)) ? former.id : undefined;
}

async function isGone(
  profiles: readonly Profile[],
  { profile, attestor, machineId }: Binding,
  signal: AbortSignal,
): Promise<boolean> {
  // A profile that took the name of another one knows nothing of its machines.
  const vouching = profiles.find(({ settings }) => settings.name === profile && settings.attestor === attestor);
  return (await vouching?.attestor.isGone?.(machineId, signal)) === true;
}
