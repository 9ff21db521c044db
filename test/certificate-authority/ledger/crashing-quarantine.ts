import { writeSync } from "node:fs";
import { openLedger } from "../../../services/certificate-authority/ledger/ledger.ts";
import { systemClock } from "../../../services/shared/clock.ts";
import { createLogger } from "../../../services/shared/logging.ts";
import { certificateRecord, issuerRecord } from "../../builders/records.ts";

// Run by revocation-crash.test.ts in a process of its own, which it kills: gives nodes certificates and quarantines them,
// one after the other, and prints a node's name before its quarantine is ordered and once more when it is acknowledged.
const [, , file = "", round = "0", certificates = "0"] = process.argv;

const ledger = await openLedger({ file, clock: systemClock, logger: createLogger({ level: "silent" }) });
const issuer = issuerRecord();
const issuerId = certificateRecord({ der: issuer.certificateDer }).fingerprint;
await ledger.issuers.record({ ...issuer, id: issuerId });
const notAfter = new Date(Date.now() + 86_400_000);

for (let index = 0; ; index += 1) {
  const nodeName = `node-${round}-${index}`;
  await Promise.all(
    Array.from({ length: Number(certificates) }, (_, each) => {
      const serial = Buffer.from(`${nodeName}-${each}`).toString("hex");
      return ledger.certificates.record(certificateRecord({ serial, issuerId, nodeName, notAfter }));
    }),
  );
  writeSync(1, `${nodeName} ordered\n`);
  const target = { kind: "node", nodeName, quarantine: true } as const;
  await ledger.revocations.revoke({ target, reason: "keyCompromise", message: "", by: "alice" });
  writeSync(1, `${nodeName} quarantined\n`);
}
