import type { RevocationEntry, RevocationLookups } from "../../services/certificate-authority/domain/revocation.ts";
import type {
  RevocationList,
  RevocationLists,
} from "../../services/certificate-authority/issuance/revocation-lists.ts";
import type {
  RevocationOrder,
  RevocationOutcome,
  Revoking,
} from "../../services/certificate-authority/issuance/revoke.ts";
import { StatusError } from "../../services/shared/status-error.ts";

/** Look-ups in sets that tests fill. */
export class FakeRevocationLookups implements RevocationLookups {
  readonly nodes = new Set<string>();
  readonly keys = new Set<string>();
  readonly fingerprints = new Set<string>();
  readonly isQuarantined = (nodeName: string): boolean => this.nodes.has(nodeName);
  readonly isKeyRevoked = (spkiSha256: string): boolean => this.keys.has(spkiSha256);
  readonly isCertificateRevoked = (fingerprint: string): boolean => this.fingerprints.has(fingerprint);
}

/** A feed in memory. */
export class FakeRevocationFeed {
  readonly entries: RevocationEntry[] = [];
  readonly #listeners = new Set<() => void>();

  head(): number {
    return this.entries.at(-1)?.sequence ?? 0;
  }

  async after(sequence: number, limit: number): Promise<readonly RevocationEntry[]> {
    return this.entries.filter((entry) => entry.sequence > sequence).slice(0, limit);
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  add(entry: Partial<RevocationEntry>): void {
    const base = { fingerprint: undefined, serial: undefined, issuerId: undefined, nodeName: undefined };
    const more = { spkiSha256: undefined, notAfter: undefined, message: "", by: "alice", at: new Date(0) };
    const sequence = this.head() + 1;
    this.entries.push({ ...base, ...more, type: "revoked", reason: "unspecified", sequence, ...entry });
    for (const listener of this.#listeners) listener();
  }
}

/** Revokes nothing; remembers the orders. */
export class FakeRevoking implements Revoking {
  readonly orders: RevocationOrder[] = [];
  outcome: RevocationOutcome = { certificates: [], quarantined: false };
  readonly readmitted: { readonly nodeName: string; readonly dryRun: boolean }[] = [];

  async revoke(order: RevocationOrder) {
    this.orders.push(order);
    return this.outcome;
  }

  async readmit(nodeName: string, _message: string, _by: string, dryRun: boolean): Promise<boolean> {
    this.readmitted.push({ nodeName, dryRun });
    return true;
  }
}

/** CRLs that tests put there. */
export class FakeRevocationLists implements RevocationLists {
  readonly lists = new Map<string, RevocationList>();

  async current(issuerId: string): Promise<RevocationList> {
    const list = this.lists.get(issuerId);
    if (list === undefined) throw new StatusError("NotFound", `no issuer ${issuerId} signs CRLs`);
    return list;
  }

  currentNumber(issuerId: string): number | undefined {
    return this.lists.get(issuerId)?.number;
  }
}
