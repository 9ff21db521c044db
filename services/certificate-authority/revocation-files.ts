import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { writeFileDurably } from "../shared/durable-file.ts";
import type { Logger } from "../shared/logging.ts";
import type { RevocationLists } from "./issuance/revocation-lists.ts";

export interface RevocationFilesDependencies {
  readonly directory: string;
  readonly issuerIds: () => readonly string[];
  readonly revocationLists: RevocationLists;
  readonly logger: Logger;
}

/** Keeps the CRLs of all issuers in a folder; those that have not changed are not written again. */
export function revocationFiles({ directory, issuerIds, revocationLists, logger }: RevocationFilesDependencies) {
  const written = new Map<string, number>();

  /** @returns whether it had changed. */
  async function write(issuerId: string): Promise<boolean> {
    const { der, number } = await revocationLists.current(issuerId);
    if (written.get(issuerId) === number) return false;
    await writeFileDurably(join(directory, `${issuerId}.crl`), der, { mode: 0o644, existing: "replaced" });
    written.set(issuerId, number);
    return true;
  }

  return {
    /** The issuers whose CRL `update` would write. */
    due(): readonly string[] {
      return issuerIds().filter((issuerId) => {
        const number = revocationLists.currentNumber(issuerId);
        return number === undefined || number !== written.get(issuerId);
      });
    },
    /**
     * @returns how many were written.
     * @throws the first failure, when all others are written.
     */
    async update(): Promise<number> {
      await mkdir(directory, { recursive: true });
      const results = await Promise.allSettled(issuerIds().map(write));
      const failures = results.flatMap((result) => (result.status === "rejected" ? [result.reason as unknown] : []));
      for (const error of failures.slice(1)) logger.error({ err: error, directory }, "could not write a CRL");
      if (failures.length > 0) throw failures[0];
      return results.filter((result) => result.status === "fulfilled" && result.value).length;
    },
  };
}
