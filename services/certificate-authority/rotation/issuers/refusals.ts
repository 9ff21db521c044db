import { StatusError } from "../../../shared/status-error.ts";
import type { LiveCertificate } from "../../domain/issuer-rotation.ts";
import type { SlotStatus, TrustShown } from "./contract.ts";

const SHOWN_IN_MESSAGE = 5;

export function conflict(message: string): StatusError {
  return new StatusError("Conflict", message);
}

/** Not everybody who has to is shown to trust an issuer; who is not, as causes. */
export function notTrusted(name: string, what: string, { shown, total, missing }: TrustShown): StatusError {
  const left = total - shown;
  const causes = missing.map((consumer) => {
    return { reason: "ConsumerNotShownToTrust", field: consumer, message: "has not shown that it holds the new CA" };
  });
  const message =
    `${left} of ${total} consumers are not shown to trust the new CA of ${name}, and would refuse its certificates: ` +
    `${someOf(missing, left)}. Wait until they report that they hold the trust bundle, or ${what} with force ` +
    "consumers-not-shown-to-trust when you know that they do";
  return new StatusError("Conflict", message, { details: { kind: "configured-issuers", name, causes } });
}

/** Certificates that would stop working, as causes. */
export function stillAlive(
  name: string,
  issuers: readonly SlotStatus[],
  named: readonly LiveCertificate[],
): StatusError {
  const count = issuers.reduce((total, { inTheWay }) => total + inTheWay, 0);
  const ends = new Date(Math.max(...issuers.map(({ lastEnds }) => lastEnds?.getTime() ?? 0)));
  const causes = named.map(({ serial, signerName, notAfter, ...certificate }) => {
    const message = `${signerName}, serial ${serial}, ends ${notAfter.toISOString()}`;
    return { reason: "LiveCertificate", field: ownerOf(certificate), message };
  });
  const owners = [...new Set(named.map(ownerOf))];
  const message =
    `${count} live certificates of the old issuer of ${name} would stop working: ${someOf(owners, owners.length)}. ` +
    `Wait until they are replaced, the last ends ${ends.toISOString()}, or retire it with force live-certificates`;
  return new StatusError("Conflict", message, { details: { kind: "configured-issuers", name, causes } });
}

function ownerOf({ nodeName, commonName }: Pick<LiveCertificate, "nodeName" | "commonName">): string {
  return nodeName ?? commonName;
}

function someOf(names: readonly string[], count: number): string {
  const shown = names.slice(0, SHOWN_IN_MESSAGE).join(", ");
  return count > SHOWN_IN_MESSAGE ? `${shown} and ${count - Math.min(SHOWN_IN_MESSAGE, names.length)} more` : shown;
}
