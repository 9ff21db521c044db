import type { ChainLink } from "./approval/chain.ts";
import { certificateRateGuard } from "./approval/guards/certificate-rate.ts";
import { firstJoinGuard } from "./approval/guards/first-join.ts";
import type { GuardSettings } from "./approval/guards/settings.ts";
import { NOTHING_TO_GUARD } from "./approval/guards/skipped.ts";
import type { CertificateSigningRequest } from "./domain/certificate-signing-request.ts";
import type { Verdict } from "./domain/decision.ts";
import type { ApprovalHook, NodeCertificate } from "./domain/ports.ts";
import type { PreviousCertificate, ReviewDocument } from "./domain/review-document.ts";

/** The guards whose verdicts have to be stated: they look at other requests. */
export const STATED_GUARDS: readonly string[] = ["supersede", "pending-limits"];

/** What guards are told without a ledger. */
export interface LocalGuardDependencies {
  readonly documentOf: (csr: CertificateSigningRequest) => ReviewDocument;
  /** What is stated for a guard; undefined when nothing is. */
  readonly statedFor: (csr: CertificateSigningRequest, guard: string) => Verdict | undefined;
}

/**
 * The guards of a chain as a server has them, as far as a document goes: what a node was given before is `previous`. Those
 * that look at other requests say what is stated for them.
 */
export function localGuards(
  { supersede, firstJoin, certificatesPerNodePerHour }: GuardSettings,
  { documentOf, statedFor }: LocalGuardDependencies,
): { readonly links: readonly ChainLink[]; readonly limits: readonly ApprovalHook[] } {
  let previous: readonly NodeCertificate[] = [];
  const certificates = { ofNode: () => previous };
  let isAttested = false;
  const attested = { isAttested: () => isAttested };
  const byDocument = (guard: ApprovalHook): ChainLink => ({
    required: true,
    hook: {
      name: guard.name,
      review(input) {
        // Guards answer at once, so that nobody else is asked in between.
        const document = documentOf(input.csr);
        previous = document.previous.map(nodeCertificate);
        isAttested = document.binding?.isRequester ?? false;
        return guard.review(input);
      },
    },
  });
  const stated = (name: string): ApprovalHook => ({
    name,
    review: ({ csr }) => statedFor(csr, name) ?? NOTHING_TO_GUARD,
  });
  return {
    links: [
      ...(supersede ? [{ hook: stated("supersede"), required: false }] : []),
      ...(firstJoin === "allow" ? [] : [byDocument(firstJoinGuard(certificates, firstJoin, attested))]),
      byDocument(certificateRateGuard(certificates, certificatesPerNodePerHour)),
    ],
    limits: [stated("pending-limits")],
  };
}

function nodeCertificate(certificate: PreviousCertificate): NodeCertificate {
  const { serial, spkiSha256, requester, notAfter, issuedAt, state } = certificate;
  return {
    ...{ serial, spkiSha256, requester },
    notAfter: new Date(notAfter),
    issuedAt: new Date(issuedAt),
    state: state === "revoked" ? "revoked" : "issued",
  };
}
