import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Ledger, type LedgerOptions, openLedger } from "../../services/certificate-authority/ledger/ledger.ts";
import { systemClock } from "../../services/shared/clock.ts";
import { createLogger } from "../../services/shared/logging.ts";

export interface TestLedger {
  /** The ledger that is open now. */
  readonly ledger: Ledger;
  readonly file: string;
  /** Closes the ledger and opens its file anew, as a restart does. */
  reopen(): Promise<void>;
  /** Closes the ledger and removes its directory. */
  close(): Promise<void>;
}

/** A real ledger in a directory of its own under the system's temporary directory. */
export async function openTestLedger(overrides: Partial<LedgerOptions> = {}): Promise<TestLedger> {
  const directory = mkdtempSync(join(tmpdir(), "gatehouse-ledger-"));
  const file = join(directory, "gatehouse.db");
  const logger = createLogger({ level: "silent" });
  const open = () => openLedger({ file, clock: systemClock, logger, ...overrides });
  let ledger = await open();
  return {
    get ledger() {
      return ledger;
    },
    file,
    async reopen() {
      await ledger.close();
      ledger = await open();
    },
    async close() {
      await ledger.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
