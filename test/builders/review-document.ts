import type { SubjectAltNames } from "../../services/certificate-authority/domain/csr-facts.ts";
import { type ReviewDocument, reviewDocument } from "../../services/certificate-authority/domain/review-document.ts";
import { facts } from "./facts.ts";
import { request } from "./request.ts";

export interface DocumentArguments {
  readonly now?: string;
  readonly request?: Partial<ReviewDocument["request"]>;
  readonly requester?: Partial<ReviewDocument["requester"]>;
  readonly subject?: Partial<ReviewDocument["subject"]>;
  readonly sans?: Partial<SubjectAltNames>;
  readonly key?: Partial<ReviewDocument["key"]>;
  readonly nodeName?: string;
  readonly boundNodeName?: string;
  readonly previous?: ReviewDocument["previous"];
  readonly binding?: ReviewDocument["binding"];
}

/** What is known of the first request of node `worker-1`, a minute after it was made. */
export function document(parts: DocumentArguments = {}): ReviewDocument {
  const plain = reviewDocument({ csr: request(), facts: facts(), now: new Date("2026-01-01T00:01:00Z") }, []);
  const { now, nodeName, boundNodeName, previous, binding } = parts;
  return {
    ...plain,
    ...(now !== undefined && { now }),
    ...(nodeName !== undefined && { nodeName }),
    ...(boundNodeName !== undefined && { boundNodeName }),
    ...(previous !== undefined && { previous }),
    ...(binding !== undefined && { binding }),
    request: { ...plain.request, ...parts.request },
    requester: { ...plain.requester, ...parts.requester },
    subject: { ...plain.subject, ...parts.subject },
    sans: { ...plain.sans, ...parts.sans },
    key: { ...plain.key, ...parts.key },
  };
}
