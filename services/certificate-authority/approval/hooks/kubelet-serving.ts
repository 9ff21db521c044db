import { nodeNameOf } from "../../../shared/node-identity.ts";
import type { Verdict } from "../../domain/decision.ts";
import type { ApprovalHook, ReviewInput } from "../../domain/ports.ts";
import { renewalOf } from "../../domain/renewal.ts";
import { showName } from "../../domain/shown-name.ts";
import { profileViolation } from "../../domain/signer-profile.ts";
import { type Finding, gatherEvidence } from "../evidence/gather.ts";
import { createNameHolders, type NameClaims, type NameHoldersOptions } from "../evidence/name-holders.ts";
import type { ReservedNames } from "../evidence/reserved-names.ts";
import type { EvidenceSource } from "../evidence/source.ts";
import { type Limits, limited } from "../limited.ts";

const KUBELET_SERVING_SIGNER = "kubernetes.io/kubelet-serving";
/** Kubelets ask for a handful; each may be looked up elsewhere. */
const MAXIMUM_NAMES = 50;
const MAXIMUM_TOLD = 3;

export interface KubeletServingOptions extends ReservedNames, Limits {
  readonly otherwise: "noOpinion" | "deny";
  /** Whether a name that somebody else's valid certificate has is held back. */
  readonly unique: boolean;
}

export interface KubeletServingDependencies {
  /** In the order they are asked. */
  readonly sources: readonly EvidenceSource[];
  /** What is on record; without it, names are not compared with other certificates. */
  readonly certificates?: NameHoldersOptions["certificates"] | undefined;
  /** Names that certificates are being made for; only this hook's own when absent. */
  readonly claims?: NameClaims | undefined;
}

const NOT_SERVING: Verdict = {
  kind: "skipped",
  reason: "NotServing",
  message: "this is no request for a kubelet's serving certificate",
  evidence: {},
};

/**
 * Approves a kubelet's serving certificate when the requester is that node and each DNS name and address is shown to
 * belong to it by a source. Anything else is left to a person, or denied where that is configured.
 *
 * Source: kubernetes pkg/apis/certificates/helpers.go (IsKubeletServingCSR) for what such a request looks like.
 */
export function kubeletServingHook(
  options: KubeletServingOptions,
  { sources, certificates, claims }: KubeletServingDependencies,
): ApprovalHook {
  const holders = options.unique && certificates ? createNameHolders({ certificates, sources, claims }) : undefined;
  const kind = options.otherwise === "deny" ? "denied" : "noOpinion";
  const refused = (reason: string, message: string, evidence: Verdict["evidence"]): Verdict => {
    return { kind, reason, message, evidence };
  };

  async function judgeNames(input: ReviewInput, signal?: AbortSignal): Promise<Verdict> {
    const { csr, facts, now, isRehearsal = false } = input;
    const nodeName = nodeNameOf(requesterOf(csr.spec)) ?? "";
    const heldBy = holders && ((name: string) => holders.heldBy(name, nodeName, now));
    const names = await gatherEvidence(nodeName, facts.sans, { sources, reserved: options, heldBy, signal });
    const [former] = (await input.document()).previous;
    const evidence = { nodeName, names, ...(former && { renews: renewalOf(former, facts) }) };
    const unshown = names.filter(({ shownBy }) => shownBy === null);
    if (unshown.length === 0) {
      if (!isRehearsal) holders?.claim(contestable(names), nodeName, now);
      return approved(nodeName, names, evidence);
    }
    // Where one name is not shown for certain, sources that cannot be asked about others change nothing.
    if (unshown.every(({ failure }) => failure !== undefined)) throw couldNotAsk(unshown);
    return refused("NamesNotShown", messageOf(nodeName, unshown), evidence);
  }

  // Only what asks sources stands in line: all other requests are answered at once.
  const judge = limited({ name: "kubelet-serving", review: judgeNames, close: closeSources }, options);

  async function closeSources(): Promise<void> {
    for (const source of sources) source.close?.();
  }

  return {
    ...judge,
    review(input, signal) {
      if (input.csr.spec.signerName !== KUBELET_SERVING_SIGNER) return NOT_SERVING;
      const flaw = flawOf(input);
      return flaw === undefined ? judge.review(input, signal) : refused(flaw.reason, flaw.message, flaw.evidence);
    },
  };
}

type Flaw = Pick<Verdict, "reason" | "message" | "evidence">;

/** What is wrong with the request whatever its names are. */
function flawOf({ csr: { spec }, facts }: ReviewInput): Flaw | undefined {
  const requester = requesterOf(spec);
  const { username } = requester;
  const { commonName } = facts.subject;
  const nodeName = nodeNameOf(requester);
  if (!nodeName || username !== commonName) {
    const message = `only the node itself gets its serving certificate: ${showName(username)} asked for ${showName(commonName)}`;
    return { reason: "NotTheNode", message, evidence: { username, commonName } };
  }
  const violation = profileViolation(KUBELET_SERVING_SIGNER, facts, spec.usages);
  if (violation !== undefined) {
    return { reason: "NotServingShape", message: `this is no kubelet's request: ${violation}`, evidence: { nodeName } };
  }
  const count = facts.sans.dnsNames.length + facts.sans.ipAddresses.length;
  if (count <= MAXIMUM_NAMES) return undefined;
  const message = `${count} names are more than the ${MAXIMUM_NAMES} that are looked at`;
  return { reason: "TooManyNames", message, evidence: { nodeName, count } };
}

function requesterOf({ username = "", groups = [] }: ReviewInput["csr"]["spec"]) {
  return { username, groups };
}

function approved(nodeName: string, names: readonly Finding[], evidence: Verdict["evidence"]): Verdict {
  const sources = [...new Set(names.map(({ shownBy }) => shownBy))].join(", ");
  const message = `node ${showName(nodeName)} asks for its own serving certificate, and its names are its own by ${sources}`;
  return { kind: "approved", reason: "NamesShown", message, evidence };
}

/** What was written down for a node may be written down for others, too. */
function contestable(names: readonly Finding[]): readonly string[] {
  return names.filter(({ isExact }) => isExact !== true).map(({ name }) => name);
}

function couldNotAsk([finding]: readonly Finding[]): Error {
  const { name = "", failure } = finding ?? {};
  return new Error(`${failure?.source} ${failure?.message}, and nothing else shows ${showName(name)}`);
}

/** What is not shown, and what would show it. */
function messageOf(nodeName: string, unshown: readonly Finding[]): string {
  const told = unshown.slice(0, MAXIMUM_TOLD).map(({ name, refusal, asked }) => {
    if (refusal !== undefined) return `${showName(name)} is ${refusal}`;
    return `nothing shows that ${showName(name)} is its (${asked.map(({ source, says }) => `${source}: ${says}`).join("; ")})`;
  });
  const more = unshown.length > MAXIMUM_TOLD ? `; and ${unshown.length - MAXIMUM_TOLD} more` : "";
  const cures = [...new Set(unshown.slice(0, MAXIMUM_TOLD).flatMap(({ cures: ways }) => ways))];
  const wayOut = cures.length > 0 ? `. To show it: ${cures.join(", or ")}` : "";
  return `node ${showName(nodeName)}: ${told.join("; ")}${more}${wayOut}`;
}
