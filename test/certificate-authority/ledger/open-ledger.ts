import { openLedger } from "../../../services/certificate-authority/ledger/ledger.ts";
import { systemClock } from "../../../services/shared/clock.ts";
import { createLogger } from "../../../services/shared/logging.ts";

// Run by open.test.ts in a process of its own: opens the ledger in the file given and says why it could not.
const [, , file = ""] = process.argv;
try {
  const ledger = await openLedger({ file, clock: systemClock, logger: createLogger({ level: "silent" }) });
  await ledger.close();
  console.log("opened");
} catch (error) {
  const { code, message } = error as Error & { code?: string };
  console.log(code, message);
  process.exitCode = 1;
}
