import { writeSync } from "node:fs";
import { openLedger } from "../../../services/certificate-authority/ledger/ledger.ts";
import { systemClock } from "../../../services/shared/clock.ts";
import { createLogger } from "../../../services/shared/logging.ts";
import { certificateRecord, decisionRecord, issuerRecord } from "../../builders/records.ts";
import { issuedWith, storedCsr } from "../../builders/stored-csr.ts";

// Run by crash.test.ts in a process of its own, which it kills: issues certificates as fast as it can, several at a
// time, and prints a line `<name> <revision> <fingerprint>` for each once the ledger has acknowledged it.
const [, , file = "", round = "0"] = process.argv;
const LANES = 8;

const ledger = await openLedger({ file, clock: systemClock, logger: createLogger({ level: "silent" }) });
const issuer = issuerRecord();
await ledger.issuers.record({ ...issuer, id: certificateRecord({ der: issuer.certificateDer }).fingerprint });
const [recorded] = await ledger.issuers.list();

async function issueForEver(lane: number): Promise<never> {
  for (let index = 0; ; index += 1) {
    const name = `csr-${round}-${lane}-${index}`;
    const serial = Buffer.from(name).toString("hex");
    const created = await ledger.requests.create(storedCsr(name));
    const certificate = certificateRecord({
      ...{ serial, requestName: name, nodeName: `node-${lane}`, requestUid: created.metadata.uid },
      ...(recorded && { issuerId: recorded.id }),
    });
    const decision = decisionRecord({ requestName: name, requestUid: created.metadata.uid });
    const issued = await ledger.requests.update(
      { ...created, status: issuedWith(certificate.der) },
      { decision, certificate },
    );
    writeSync(1, `${name} ${issued.metadata.resourceVersion} ${certificate.fingerprint}\n`);
  }
}

await Promise.all(Array.from({ length: LANES }, (_, lane) => issueForEver(lane)));
