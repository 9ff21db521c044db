import { toKubernetesTime } from "../../../shared/kubernetes/object-meta.ts";
import { StatusError } from "../../../shared/status-error.ts";
import type { CertificateSigningRequest } from "../../domain/certificate-signing-request.ts";
import type { CsrFacts } from "../../domain/csr-facts.ts";
import { KUBELET_CLIENT_SIGNER } from "../../domain/kubelet-client.ts";
import type { ApprovalHook, Certificates, NodeCertificate, NodeNames } from "../../domain/ports.ts";
import { requestedNodeName } from "../../domain/requested-node.ts";
import { showName } from "../../domain/shown-name.ts";
import type { GuardSettings } from "./settings.ts";
import { NOTHING_TO_GUARD } from "./skipped.ts";

/** Tells who asks with what the machine of a name got by attesting. */
export interface AttestedRequesters {
  isAttested(username: string, nodeName: string): boolean;
}

/**
 * The node whose client certificate somebody else than that node asks for. Who asks with what the machine of that name got
 * by attesting is that node, whatever became of its disk.
 */
function joiningNode(
  { spec }: CertificateSigningRequest,
  facts: CsrFacts,
  attested: AttestedRequesters,
): string | undefined {
  const { signerName, username = "" } = spec;
  if (signerName !== KUBELET_CLIENT_SIGNER || username === facts.subject.commonName) return undefined;
  const node = requestedNodeName(facts);
  return node !== undefined && attested.isAttested(username, node) ? undefined : node;
}

/** The certificate of another key that the node's name has longest; undefined when it is free. */
function holderOf(
  certificates: Pick<Certificates, "ofNode">,
  nodeName: string,
  { spkiSha256 }: CsrFacts,
  now: Date,
): NodeCertificate | undefined {
  const others = certificates
    .ofNode(nodeName, KUBELET_CLIENT_SIGNER)
    .filter((each) => each.state === "issued" && each.notAfter >= now && each.spkiSha256 !== spkiSha256);
  return others.toSorted((one, other) => other.notAfter.getTime() - one.notAfter.getTime())[0];
}

/**
 * Lets the name of a node that has a valid client certificate of another key change hands only when a person approves
 * (`hold`), or not at all (`deny`): whoever holds a bootstrap token could otherwise become any node that there is. The
 * name is free again when the certificate has expired or was revoked.
 */
export function firstJoinGuard(
  certificates: Pick<Certificates, "ofNode">,
  mode: Exclude<GuardSettings["firstJoin"], "allow">,
  attested: AttestedRequesters,
): ApprovalHook {
  return {
    name: "first-join",
    review({ csr, facts, now }) {
      const node = joiningNode(csr, facts, attested);
      if (node === undefined) return NOTHING_TO_GUARD;
      const holder = holderOf(certificates, node, facts, now);
      if (holder === undefined) return NOTHING_TO_GUARD;
      const until = toKubernetesTime(holder.notAfter);
      const evidence = { serial: holder.serial, requester: holder.requester ?? "", until };
      const taken = `node ${showName(node)} has a certificate of another key, serial ${holder.serial}, until ${until}`;
      if (mode === "deny") return { kind: "denied", reason: "NodeNameTaken", message: taken, evidence };
      const message = `${taken}; a person has to approve, or revoke that one`;
      return { kind: "noOpinion", reason: "NodeNameTaken", message, evidence };
    },
  };
}

/**
 * What the guard finds free may be taken before the certificate is on record: names are kept from the last look to then.
 *
 * @param mode - what is configured now.
 */
export function createNodeNames(
  certificates: Pick<Certificates, "ofNode">,
  mode: () => GuardSettings["firstJoin"],
  attested: AttestedRequesters,
): NodeNames {
  /** By node, the keys that certificates are being made for, as often as they are. */
  const making = new Map<string, readonly string[]>();
  return {
    reserve(csr, facts, isAutomatic, now) {
      const node = mode() === "allow" ? undefined : joiningNode(csr, facts, attested);
      if (node === undefined) return () => undefined;
      const { spkiSha256 } = facts;
      const keys = making.get(node) ?? [];
      // A person has looked, and may have approved several: none of them waits for another.
      const isTaken = () => keys.some((key) => key !== spkiSha256) || holderOf(certificates, node, facts, now);
      if (isAutomatic && isTaken()) throw new StatusError("Conflict", "the node's name was just taken for another key");
      making.set(node, [...keys, spkiSha256]);
      return () => {
        const left = making.get(node) ?? [];
        const at = left.indexOf(spkiSha256);
        if (left.length <= 1) making.delete(node);
        else making.set(node, left.toSpliced(at, 1));
      };
    },
  };
}
