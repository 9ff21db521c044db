import type {
  ExpiryNotice,
  ExpiryRecords,
  HolderKey,
  Told,
  WaitingNotice,
} from "../../services/certificate-authority/domain/expiry-records.ts";
import type { FleetColumns } from "../../services/certificate-authority/domain/fleet.ts";

const keyOf = ({ signerName, name, namesHash }: HolderKey): string => `${signerName} ${name} ${namesHash}`;

/** What the ledger keeps about expiries, in memory. */
export class FakeExpiryRecords implements ExpiryRecords {
  /** Everything that was ever noted, in order. */
  readonly noted: ExpiryNotice[] = [];
  readonly pruned: { readonly endedBefore: Date; readonly targets: readonly string[] }[] = [];
  fleet: FleetColumns | undefined;
  readonly #told = new Map<string, Told>();
  readonly #outbox = new Map<string, WaitingNotice & { readonly target: string }>();
  #ids = 0;

  async scan(): Promise<FleetColumns> {
    if (this.fleet === undefined) throw new Error("there is no fleet");
    return this.fleet;
  }

  async told(after: HolderKey | undefined, limit: number): Promise<readonly Told[]> {
    const all = [...this.#told.values()];
    const place = after === undefined ? 0 : all.findIndex((told) => keyOf(told) === keyOf(after)) + 1;
    return all.slice(place, place + limit);
  }

  async record(notices: readonly ExpiryNotice[]): Promise<void> {
    for (const notice of notices) {
      this.noted.push(notice);
      const { state } = notice;
      if (state === "renewed") this.#told.delete(keyOf(notice));
      else this.#told.set(keyOf(notice), { ...notice, state });
      for (const target of notice.targets) this.put(target, notice.document, keyOf(notice));
    }
  }

  put(target: string, document: string, holder = document): void {
    this.#ids += 1;
    this.#outbox.delete(`${target} ${holder}`);
    this.#outbox.set(`${target} ${holder}`, { target, id: this.#ids, document });
  }

  async waiting(target: string, limit: number): Promise<readonly WaitingNotice[]> {
    return [...this.#outbox.values()].filter((entry) => entry.target === target).slice(0, limit);
  }

  async countWaiting(): Promise<number> {
    return this.#outbox.size;
  }

  async settle(ids: readonly number[]): Promise<void> {
    for (const [key, { id }] of this.#outbox) if (ids.includes(id)) this.#outbox.delete(key);
  }

  async prune(endedBefore: Date, targets: readonly string[]): Promise<void> {
    this.pruned.push({ endedBefore, targets });
  }
}
