import { StatusError } from "../../shared/status-error.ts";
import type { CsrFacts } from "../domain/csr-facts.ts";
import { type KeyPolicySettings, type KeyViolation, strengthViolation } from "../domain/key-policy.ts";
import type { Certificates, KeyPolicy } from "../domain/ports.ts";
import { requestedNodeName } from "../domain/requested-node.ts";
import type { KeyLists } from "./key-lists.ts";

export interface KeyPolicyDependencies {
  readonly settings: KeyPolicySettings;
  readonly lists: Pick<KeyLists, "isBlocked" | "isDebianWeak">;
  readonly certificates: Pick<Certificates, "otherNodeOfKey">;
}

/** Judges keys by the lists, by their strength and by what is on record of them, in this order. */
export function createKeyPolicy({ settings, lists, certificates }: KeyPolicyDependencies): KeyPolicy {
  const reservations = createReservations();

  function listed({ key, spkiSha256 }: CsrFacts): KeyViolation | undefined {
    if (lists.isBlocked(spkiSha256)) {
      return { reason: "BlockedKey", message: "the key is on the list of blocked keys", evidence: { spkiSha256 } };
    }
    if (key.algorithm !== "RSA" || !lists.isDebianWeak(key.modulusSha1)) return undefined;
    const { modulusSha1 } = key;
    const message = "the key is one of the few that a broken Debian release generated (CVE-2008-0166)";
    return { reason: "WeakKey", message, evidence: { spkiSha256, modulusSha1 } };
  }

  function reused(facts: CsrFacts): KeyViolation | undefined {
    if (settings.allowKeyReuseAcrossNodes) return undefined;
    const { spkiSha256 } = facts;
    const requestedNode = requestedNodeName(facts);
    const certifiedNode = certificates.otherNodeOfKey(spkiSha256, requestedNode);
    if (certifiedNode === undefined) return undefined;
    const message = `the key was certified for node ${JSON.stringify(certifiedNode)} before; make a new one`;
    return { reason: "KeyOfAnotherNode", message, evidence: { spkiSha256, requestedNode, certifiedNode } };
  }

  return {
    violation: (facts) => listed(facts) ?? strengthViolation(facts.key, settings) ?? reused(facts),
    reserve: (facts) => {
      if (settings.allowKeyReuseAcrossNodes) return () => undefined;
      return reservations.take(facts.spkiSha256, requestedNodeName(facts));
    },
  };
}

interface Reservation {
  readonly nodeName: string | undefined;
  holders: number;
}

/** Keys that are being certified, each for one subject at a time; several requests for that subject may share it. */
function createReservations() {
  const reserved = new Map<string, Reservation>();
  return {
    take(spkiSha256: string, nodeName: string | undefined): () => void {
      const reservation = reserved.get(spkiSha256) ?? { nodeName, holders: 0 };
      if (reservation.nodeName !== nodeName) {
        throw new StatusError("Conflict", "the same key is just being certified for another subject");
      }
      reservation.holders += 1;
      reserved.set(spkiSha256, reservation);
      return () => {
        reservation.holders -= 1;
        if (reservation.holders === 0) reserved.delete(spkiSha256);
      };
    },
  };
}
