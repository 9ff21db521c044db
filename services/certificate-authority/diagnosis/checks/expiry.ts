import { X509Certificate } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { daysBetween, error, type Finding, inDays, ok, skipped, warning } from "../../../shared/diagnosis/findings.ts";
import { credentialsOf, readKubeconfig } from "../../../shared/kubernetes/kubeconfig.ts";
import type { Configuration } from "../../configuration.ts";
import type { IssuerRecord } from "../../domain/issuer.ts";
import type { Check, CheckContext } from "../contract.ts";

const SOON_DAYS = 30;
const ISSUER_SOON_DAYS = 90;

export const issuerExpiry: Check = {
  id: "expiry.issuers",
  title: "when issuers expire, and whether what they sign may live that long",
  async run(context) {
    const ledger = await context.ledger();
    if (ledger.kind !== "here") return [skipped(context.ledgerFile, "no issuer is on record yet")];
    const active = ledger.inspection.snapshot().issuers.filter(({ slot }) => slot === "active");
    if (active.length === 0) return [skipped(context.ledgerFile, "no issuer is on record yet")];
    return active.map((issuer) => issuerFinding(issuer, context));
  },
};

function issuerFinding(
  { name, commonName, notBefore, notAfter, origin }: IssuerRecord,
  context: CheckContext,
): Finding {
  const now = context.clock.now();
  const subject = `issuer ${name} (${commonName})`;
  const replace =
    origin === "imported"
      ? "put the renewed pair of files in place"
      : `gatehouse issuer prepare ${name}, then activate`;
  if (now < notBefore) return error(subject, `not valid before ${notBefore.toISOString()}`, "set this machine's clock");
  const days = daysBetween(now, notAfter);
  if (now >= notAfter) return error(subject, `expired ${inDays(days)}, at ${notAfter.toISOString()}`, replace);
  if (days < ISSUER_SOON_DAYS)
    return warning(subject, `expires ${inDays(days)}, at ${notAfter.toISOString()}`, replace);
  const longest = longestLifetimeSeconds(context.configuration);
  if ((notAfter.getTime() - now.getTime()) / 1000 < longest) {
    const text = `expires ${inDays(days)}, sooner than certificates of ${Math.floor(longest / 86_400)} days that it may sign; they end with it`;
    return warning(subject, text, `lower signing.maxDurationSeconds to ${days * 86_400}, or ${replace}`);
  }
  return ok(subject, `expires ${inDays(days)}, after everything it signs`);
}

function longestLifetimeSeconds(configuration: Configuration | undefined): number {
  return configuration?.signing.maxDurationSeconds ?? 0;
}

export const administratorExpiry: Check = {
  id: "expiry.administrator",
  title: "the administrator's certificate in admin.kubeconfig",
  run({ dataDirectory, clock }) {
    const path = join(dataDirectory, "admin.kubeconfig");
    if (!existsSync(path)) return [skipped(path, "does not exist; a start makes it")];
    const user = readKubeconfig(path).users?.[0]?.user;
    const { clientCertificatePem } = credentialsOf(user, { path, where: path });
    const restart = "restart the server, which makes a new one; or: rm it, then restart";
    if (clientCertificatePem === undefined) return [warning(path, "holds no client certificate", restart)];
    const certificate = new X509Certificate(clientCertificatePem);
    return [certificateFinding(path, certificate, clock.now(), restart)];
  },
};

/** A certificate's own dates. */
export function certificateFinding(subject: string, certificate: X509Certificate, now: Date, wayOut: string): Finding {
  const { validFromDate, validToDate } = certificate;
  if (now < validFromDate)
    return error(subject, `not valid before ${validFromDate.toISOString()}`, "set this machine's clock");
  const days = daysBetween(now, validToDate);
  const text = `${now >= validToDate ? "expired" : "expires"} ${inDays(days)}, at ${validToDate.toISOString()}`;
  if (now >= validToDate) return error(subject, text, wayOut);
  return days < SOON_DAYS ? warning(subject, text, wayOut) : ok(subject, text);
}
