import type { CertificateSummary } from "../../services/certificate-authority/domain/certificate.ts";
import type { ReviewHistory, ReviewInput, ReviewRequest } from "../../services/certificate-authority/domain/ports.ts";
import { reviewDocument } from "../../services/certificate-authority/domain/review-document.ts";

/** Nothing is on record. */
export const NO_HISTORY: ReviewHistory = { previousCertificates: async () => [], bindingOf: () => null };

/** What a chain hands to a hook. */
export function reviewInput(request: ReviewRequest, previous: readonly CertificateSummary[] = []): ReviewInput {
  return { ...request, document: async () => reviewDocument(request, previous) };
}
