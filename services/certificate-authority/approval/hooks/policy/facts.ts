import type { CelType } from "../../../../shared/cel/cel-environment.ts";
import type { CelInput } from "../../../../shared/cel/cel-values.ts";
import type { PreviousCertificate, ReviewDocument } from "../../../domain/review-document.ts";

const TEXTS = "list<string>";

/** What rules may speak of: the fields of a ReviewDocument that say something of the request. */
export const FACT_TYPES = {
  now: "timestamp",
  request: {
    fields: {
      name: "string",
      uid: "string",
      createdAt: "timestamp",
      signerName: "string",
      usages: TEXTS,
      expirationSeconds: "int",
      labels: "map<string, string>",
      annotations: "map<string, string>",
    },
  },
  requester: {
    fields: { username: "string", uid: "string", groups: TEXTS, extra: "map<string, list<string>>" },
  },
  subject: {
    fields: {
      country: TEXTS,
      organization: TEXTS,
      organizationalUnit: TEXTS,
      locality: TEXTS,
      province: TEXTS,
      streetAddress: TEXTS,
      postalCode: TEXTS,
      commonName: "string",
      serialNumber: "string",
    },
  },
  sans: { fields: { dnsNames: TEXTS, emailAddresses: TEXTS, ipAddresses: TEXTS, uris: TEXTS } },
  key: { fields: { algorithm: "string", bits: "int", curve: "string", spkiSha256: "string" } },
  nodeName: "string",
  boundNodeName: "string",
  previous: "list<dyn>",
  /** Null when the node's name is bound to no machine. */
  binding: "dyn",
} as const satisfies Readonly<Record<string, CelType>>;

/** The facts that have to be looked up. */
export const LOOKED_UP_FACTS: ReadonlySet<string> = new Set(["previous", "binding"]);

export type Facts = Readonly<Record<keyof typeof FACT_TYPES, CelInput>>;

/** The facts of a document, its instants as timestamps. */
export function factsOf(document: ReviewDocument): Facts {
  const { now, request, requester, subject, sans, key, nodeName, boundNodeName, previous, binding } = document;
  return {
    now: new Date(now),
    request: { ...request, createdAt: new Date(request.createdAt) },
    requester: { ...requester },
    subject: { ...subject },
    sans: { ...sans },
    key: { ...key },
    nodeName,
    boundNodeName,
    previous: previous.map(previousFacts),
    binding: binding && { ...binding, fields: { ...binding.fields }, attestedAt: new Date(binding.attestedAt) },
  };
}

function previousFacts(certificate: PreviousCertificate): CelInput {
  const { notBefore, notAfter, issuedAt, sans } = certificate;
  return {
    ...certificate,
    sans: { ...sans },
    notBefore: new Date(notBefore),
    notAfter: new Date(notAfter),
    issuedAt: new Date(issuedAt),
  };
}
