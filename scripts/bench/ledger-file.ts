import { DatabaseSync } from "node:sqlite";

/** Counts and fingerprints in a ledger's file, read past the server that owns it. */
export class LedgerFile {
  readonly #database: DatabaseSync;

  constructor(file: string) {
    this.#database = new DatabaseSync(file, { readOnly: true });
  }

  /** Certificates that answer a request. */
  certificates(): number {
    return this.#count(
      "SELECT count(*) AS count FROM certificates WHERE request_name IS NOT NULL AND request_name <> ''",
    );
  }

  requests(): number {
    return this.#count("SELECT count(*) AS count FROM requests");
  }

  /** Which of these fingerprints, in hex, are not on record. */
  missing(fingerprints: readonly string[]): readonly string[] {
    const find = this.#database.prepare("SELECT 1 FROM certificates WHERE fingerprint = ?");
    return fingerprints.filter((fingerprint) => find.get(Buffer.from(fingerprint, "hex")) === undefined);
  }

  close(): void {
    this.#database.close();
  }

  #count(sql: string): number {
    return Number(this.#database.prepare(sql).get()?.["count"]);
  }
}
