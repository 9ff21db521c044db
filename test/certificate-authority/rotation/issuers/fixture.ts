import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadConfiguration } from "../../../../services/certificate-authority/configuration.ts";
import { configuredRotation } from "../../../../services/certificate-authority/configured-rotation.ts";
import { openConfiguredTokens } from "../../../../services/certificate-authority/configured-tokens.ts";
import { openCustody } from "../../../../services/certificate-authority/custody/custody.ts";
import type { Tokens } from "../../../../services/certificate-authority/custody/pkcs11/tokens.ts";
import type { CertificateRecord } from "../../../../services/certificate-authority/domain/certificate.ts";
import { issuerAdministration } from "../../../../services/certificate-authority/issuer-administration.ts";
import { LiveIssuers } from "../../../../services/certificate-authority/live-issuers.ts";
import type { TrustBundlePublisher } from "../../../../services/certificate-authority/rotation/issuers/publication.ts";
import { openTestLedger } from "../../../builders/ledger.ts";
import { openssl } from "../../../builders/openssl.ts";
import { certificateRecord } from "../../../builders/records.ts";
import { temporaryDirectory } from "../../../builders/temporary-directory.ts";
import { recordingLogger } from "../../../fakes/recording-logger.ts";
import { SettableClock } from "../../../fakes/settable-clock.ts";

export const DAY_SECONDS = 86_400;

export type Bench = Awaited<ReturnType<typeof rotationBench>>;

/** Real issuers in a real ledger with real keys, and a clock that is set. */
export async function rotationBench() {
  const directory = temporaryDirectory();
  const clock = new SettableClock(new Date());
  const log = recordingLogger();
  const opened = await openTestLedger({ clock });
  const custody = await openCustody({ directory: join(directory, "keys"), encryption: {}, logger: log.logger });
  let certificates = 0;

  return {
    ...{ directory, clock, log, opened, custody },

    /** As a start does it; once more, as a start after a crash. */
    async open(settings: object = {}, more: { tokens?: Tokens; publishers?: readonly TrustBundlePublisher[] } = {}) {
      const configFile = join(directory, "gatehouse.json");
      const head = { apiVersion: "gatehouse.dev/v1", kind: "GatehouseConfiguration" };
      writeFileSync(configFile, JSON.stringify({ ...head, ...settings }));
      const configuration = loadConfiguration({ configFile });
      const { ledger } = opened;
      const tokens = more.tokens ?? (await openConfiguredTokens(configuration, log.logger));
      const deps = { settings: configuration, custody, tokens, issuers: ledger.issuers, clock, logger: log.logger };
      const live = await LiveIssuers.open(deps);
      const { publishers = [] } = more;
      const parts = { ledger, live, custody, tokens, clock, logger: log.logger, publishers };
      const administration = issuerAdministration({ ...deps, live, audit: ledger.audit });
      return { live, administration, ...configuredRotation(configuration, parts) };
    },

    /** Puts a certificate of a node, or of what `overrides` say, on record. */
    async issue(issuerId: string, lifetimeSeconds: number, overrides: Partial<CertificateRecord> = {}): Promise<void> {
      certificates += 1;
      const now = clock.now();
      const { nodeName = "node-1" } = overrides;
      await opened.ledger.certificates.record(
        certificateRecord({
          ...{ issuerId, nodeName, commonName: `system:node:${nodeName}` },
          serial: certificates.toString(16).padStart(4, "0"),
          notBefore: now,
          notAfter: new Date(now.getTime() + lifetimeSeconds * 1000),
          issuedAt: now,
          ...overrides,
        }),
      );
    },

    /** What each issuer of a name has become, in alphabetical order. */
    async slots(name = "default"): Promise<readonly string[]> {
      const records = (await opened.ledger.issuers.list()).filter((record) => record.name === name);
      return records.map(({ slot, endedAt }) => (endedAt === undefined ? slot : `${slot}, ended`)).toSorted();
    },

    async idOf(slot: string, name = "default"): Promise<string> {
      const records = await opened.ledger.issuers.list();
      const found = records.find((one) => one.name === name && one.slot === slot && one.endedAt === undefined);
      if (found === undefined) throw new Error(`no issuer of ${name} is ${slot}`);
      return found.id;
    },
  };
}

/** A CA of somebody else's. @returns what signs a request for a CA, and answers with the chain. */
export function elsewhere(bench: Pick<Bench, "directory" | "clock">): (requestPem: string) => string {
  const at = (name: string): string => join(bench.directory, name);
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", at("root.key")];
  openssl("req", "-x509", ...newKey, "-subj", "/CN=elsewhere", "-days", "900", "-out", at("root.crt"));
  writeFileSync(
    at("ext"),
    "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\nsubjectKeyIdentifier=hash\n",
  );
  return (requestPem) => {
    writeFileSync(at("request.csr"), requestPem);
    const ca = ["-CA", at("root.crt"), "-CAkey", at("root.key"), "-CAcreateserial", "-days", "800"];
    const signed = openssl("x509", "-req", "-in", at("request.csr"), ...ca, "-extfile", at("ext"));
    // It begins now, to the second.
    bench.clock.set(new Date(Date.now() + 1000));
    return signed + openssl("x509", "-in", at("root.crt"));
  };
}
