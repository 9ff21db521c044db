/**
 * What `gatehouse ledger verify` costs: `node scripts/measure-verification.ts [CERTIFICATES]`, 100,000 without a number.
 * Signs so many certificates as for kubelets into a ledger of its own, and verifies it. Takes two or three minutes, leaves
 * nothing; `TMPDIR` needs room for the ledger.
 */
import { createHash, createPrivateKey, generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeIssuer } from "../services/certificate-authority/custody/make-issuer.ts";
import type { CertificateIntent } from "../services/certificate-authority/domain/certificate.ts";
import { NO_ALTERNATIVE_NAMES } from "../services/certificate-authority/domain/csr-facts.ts";
import { DEFAULT_ISSUER } from "../services/certificate-authority/domain/issuer.ts";
import { openLedger } from "../services/certificate-authority/ledger/ledger.ts";
import { loadIssuerCertificate } from "../services/certificate-authority/signer/issuer-certificate.ts";
import { createSigner } from "../services/certificate-authority/signer/signer.ts";
import { verifyLedgerFile } from "../services/certificate-authority/verify-ledger.ts";
import { systemClock } from "../services/shared/clock.ts";
import { createLogger } from "../services/shared/logging.ts";

const YEAR_SECONDS = 365 * 86_400;
/** Records that wait for one commit. */
const AT_ONCE = 512;
const SUBJECT = {
  ...{ country: [], organization: ["system:nodes"], organizationalUnit: [], locality: [], province: [] },
  ...{ streetAddress: [], postalCode: [], serialNumber: "" },
};
const logger = createLogger({ level: "error" });
const clock = systemClock;

async function fill(file: string, count: number): Promise<void> {
  const made = await makeIssuer({
    ...{ algorithm: "ecdsa-p256", commonName: "measured", lifetimeSeconds: YEAR_SECONDS, now: clock.now() },
  });
  const privateKey = createPrivateKey({ key: made.pkcs8Der, format: "der", type: "pkcs8" });
  const signer = createSigner({ issuers: [{ ...made, privateKey }], workers: 2, clock, logger });
  const issuer = loadIssuerCertificate(made.certificateDer).description;
  const ledger = await openLedger({ file, clock, logger });
  const now = clock.now();
  await ledger.issuers.record({
    ...issuer,
    ...{ slot: "active", origin: "generated", createdAt: now, name: DEFAULT_ISSUER, ancestorsPem: "" },
  });
  const spkiDer = generateKeyPairSync("ec", { namedCurve: "prime256v1" }).publicKey.export({
    ...{ type: "spki", format: "der" },
  });
  const spkiSha256 = createHash("sha256").update(spkiDer).digest("hex");
  const notAfter = new Date(Math.floor(now.getTime() / 1000) * 1000 + 30 * 86_400_000);

  async function issue(index: number): Promise<void> {
    const nodeName = `node-${index % 65_000}`;
    const subject = { ...SUBJECT, commonName: `system:node:${nodeName}` };
    const intent: CertificateIntent = {
      ...{ subject, sans: NO_ALTERNATIVE_NAMES, spkiDer, keyUsage: 1, extendedKeyUsages: ["clientAuth"] },
      ...{ notBefore: issuer.notBefore, notAfter },
    };
    const signed = await signer.signer.sign(intent, issuer.id);
    await ledger.certificates.record({
      ...signed,
      ...{ signerName: "kubernetes.io/kube-apiserver-client-kubelet", nodeName, commonName: subject.commonName },
      ...{ organizations: ["system:nodes"], sans: NO_ALTERNATIVE_NAMES, spkiSha256, issuedAt: now, state: "issued" },
      ...{ requestUid: undefined, requestName: undefined, requester: undefined, predecessor: undefined },
    });
  }

  for (let done = 0; done < count; done += AT_ONCE) {
    const size = Math.min(AT_ONCE, count - done);
    await Promise.all(Array.from({ length: size }, (_, index) => issue(done + index)));
  }
  await signer.close();
  await ledger.close();
}

async function main(): Promise<void> {
  const count = Number(process.argv[2] ?? "100000");
  if (!Number.isSafeInteger(count) || count < 1) {
    throw new Error("usage: node scripts/measure-verification.ts [CERTIFICATES]");
  }
  const directory = mkdtempSync(join(tmpdir(), "gatehouse-verification-"));
  try {
    const file = join(directory, "gatehouse.db");
    await fill(file, count);
    const started = performance.now();
    const { certificates, problems, warnings } = await verifyLedgerFile(file);
    const seconds = (performance.now() - started) / 1000;
    if (certificates !== count || problems.length > 0) throw new Error(`not sound: ${problems[0] ?? certificates}`);
    const each = ((seconds * 1e6) / count).toFixed(0);
    console.log(
      `${count} certificates verified in ${seconds.toFixed(1)} s, ${each} µs each, ${warnings.length} warnings`,
    );
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

await main();
