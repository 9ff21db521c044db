import type { Curve, PublicKeyKind } from "./csr-facts.ts";
import type { ReviewRequest } from "./ports.ts";
import type { ReviewDocument } from "./review-document.ts";

/** What RSA keys have that were made in the last twenty years. */
const USUAL_EXPONENT = 65_537;

/**
 * The way back from a document to a request that can be reviewed: its document is the same, but for `previous`, which a
 * request does not hold. What a document does not say is nothing (the CSR's bytes, the key's), or usual (the exponent of an RSA key).
 */
export function requestOfDocument(document: ReviewDocument): ReviewRequest {
  const { request, requester, subject, sans, key } = document;
  const { signerName, usages, expirationSeconds } = request;
  const { username, uid, groups, extra } = requester;
  return {
    csr: {
      apiVersion: "certificates.k8s.io/v1",
      kind: "CertificateSigningRequest",
      metadata: {
        name: request.name,
        uid: request.uid,
        resourceVersion: "",
        creationTimestamp: request.createdAt,
        labels: request.labels,
        annotations: request.annotations,
      },
      spec: {
        ...{ request: "", signerName, usages, username, uid, groups, extra },
        ...(expirationSeconds > 0 && { expirationSeconds }),
      },
      status: {},
    },
    facts: { subject, sans, key: keyOf(key), spkiDer: new Uint8Array(), spkiSha256: key.spkiSha256 },
    now: new Date(document.now),
    isRehearsal: document.isRehearsal,
  };
}

function keyOf({ algorithm, bits, curve }: ReviewDocument["key"]): PublicKeyKind {
  if (algorithm === "RSA") return { algorithm, bits, exponent: USUAL_EXPONENT, defects: [], modulusSha1: "" };
  if (algorithm === "ECDSA") return { algorithm, curve: curve as Curve };
  return { algorithm } as PublicKeyKind;
}
