import { Chains } from "./chains.ts";
import { cell, grown } from "./columns.ts";
import { IntLists } from "./int-lists.ts";
import { NONE } from "./int-table.ts";
import { NameTable } from "./name-table.ts";

/** A driver here and there, in clusters as they are; beyond that, strings are no longer shared. */
const SHARED_DRIVERS = 1_000;

/** PersistentVolumes as columns: claim, secrets, CSI driver. */
export class Volumes {
  /** All volumes of a claim. */
  readonly chains = new Chains();
  readonly #names = new NameTable();
  readonly #lists = new IntLists();
  readonly #drivers: string[] = [];
  /** One string for each driver, however many volumes name it. */
  readonly #knownDrivers = new Map<string, string>();
  #claim = new Int32Array(64);
  #start = new Int32Array(64);
  #length = new Int32Array(64);

  get size(): number {
    return this.#names.sizeOf();
  }

  get bytes(): number {
    const columns = [this.#claim, this.#start, this.#length];
    const bytes = this.#names.bytes + this.#lists.bytes + this.chains.bytes;
    return columns.reduce((sum, column) => sum + column.byteLength, bytes);
  }

  find(name: string): number {
    return this.#names.find(0, "", name);
  }

  ids(): Generator<number> {
    return this.#names.ids();
  }

  /** A volume that is not there yet, without claim and secrets. */
  add(name: string): number {
    const volume = this.#names.findOrAdd(0, "", name);
    if (volume >= this.#claim.length) this.#grow(volume + 1);
    this.#claim[volume] = NONE;
    this.#length[volume] = 0;
    return volume;
  }

  remove(volume: number): void {
    this.#names.remove(volume);
  }

  nameOf(volume: number): string {
    return this.#names.nameOf(volume);
  }

  /** The object that is its claim; NONE without one. */
  claimOf(volume: number): number {
    return cell(this.#claim, volume);
  }

  setClaim(volume: number, claim: number): void {
    this.#claim[volume] = claim;
  }

  /** The name of its CSI driver; empty without one. */
  driverOf(volume: number): string {
    return this.#drivers[volume] ?? "";
  }

  setDriver(volume: number, driver: string): void {
    const known = this.#knownDrivers.get(driver);
    if (known === undefined && this.#knownDrivers.size < SHARED_DRIVERS) this.#knownDrivers.set(driver, driver);
    this.#drivers[volume] = known ?? driver;
  }

  secretCount(volume: number): number {
    return cell(this.#length, volume);
  }

  secret(volume: number, index: number): number {
    return this.#lists.at(cell(this.#start, volume), index);
  }

  setSecrets(volume: number, secrets: Int32Array, length: number): void {
    this.#start[volume] = this.#lists.store(secrets, length);
    this.#length[volume] = length;
  }

  clearSecrets(volume: number): void {
    this.#lists.release(cell(this.#start, volume), cell(this.#length, volume));
    this.#length[volume] = 0;
  }

  #grow(needed: number): void {
    this.#claim = grown(this.#claim, needed);
    this.#start = grown(this.#start, needed);
    this.#length = grown(this.#length, needed);
  }
}
