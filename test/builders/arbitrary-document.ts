import fc from "fast-check";
import { NO_ALTERNATIVE_NAMES } from "../../services/certificate-authority/domain/csr-facts.ts";
import { requestOfDocument } from "../../services/certificate-authority/domain/request-of-document.ts";
import type { ReviewDocument } from "../../services/certificate-authority/domain/review-document.ts";
import { reviewDocument } from "../../services/certificate-authority/domain/review-document.ts";
import { document } from "./review-document.ts";

const text = fc.oneof(
  fc.string({ maxLength: 20 }),
  fc.string({ unit: "binary", maxLength: 8 }),
  fc.constant("system:masters"),
);
const texts = fc.array(text, { maxLength: 5 });
/** Often what a kubelet writes, so that not everything is refused at once. */
const often = <T>(usual: T, others: fc.Arbitrary<T>): fc.Arbitrary<T> =>
  fc.oneof({ weight: 3, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: others });
const labels = fc.dictionary(text, text, { maxKeys: 4 });
const instant = fc
  .date({ min: new Date("1990-01-01T00:00:00Z"), max: new Date("2100-01-01T00:00:00Z"), noInvalidDate: true })
  .map((date) => date.toISOString());
const sans = fc.record({
  dnsNames: texts,
  emailAddresses: texts,
  ipAddresses: fc.array(fc.oneof(fc.ipV4(), fc.ipV6(), text), { maxLength: 5 }),
  uris: texts,
});
const signerName = fc.constantFrom(
  "kubernetes.io/kube-apiserver-client-kubelet",
  "kubernetes.io/kubelet-serving",
  "example.com/other",
);
const commonName = often(
  "system:node:worker-1",
  fc.oneof(
    text,
    text.map((name) => `system:node:${name}`),
  ),
);
const spkiSha256 = fc.constantFrom("ab".repeat(32), "cd".repeat(32));
const key: fc.Arbitrary<ReviewDocument["key"]> = often(
  { algorithm: "ECDSA", bits: 256, curve: "P-256", spkiSha256: "ab".repeat(32) },
  fc.record({
    algorithm: fc.constantFrom("RSA", "ECDSA", "Ed25519"),
    bits: fc.integer({ min: 0, max: 16_384 }),
    curve: fc.constantFrom("P-256", "P-384", ""),
    spkiSha256,
  }),
);
const previous = fc.array(
  fc.record({
    ...{ serial: text, fingerprint: text, state: fc.constantFrom("valid", "expired", "revoked" as const) },
    ...{ notBefore: instant, notAfter: instant, issuedAt: instant, requester: text, sans },
    spkiSha256,
  }),
  { maxLength: 3 },
);

/** Documents of whatever a requester may write into a request, and of what is on record. */
export const arbitraryDocument: fc.Arbitrary<ReviewDocument> = fc
  .record({
    now: instant,
    request: fc.record({
      ...{
        name: text,
        uid: text,
        createdAt: instant,
        signerName,
        usages: often<readonly string[]>(["digital signature", "client auth"], texts),
        labels,
        annotations: labels,
      },
      expirationSeconds: often(3600, fc.integer({ min: 0, max: 2 ** 31 - 1 })),
    }),
    requester: fc.record({
      ...{
        username: fc.oneof(text, commonName),
        uid: text,
        groups: often<readonly string[]>(["system:bootstrappers"], texts),
      },
      extra: fc.dictionary(fc.oneof(text, fc.constant("gatehouse.dev/bound-node-name")), texts, { maxKeys: 3 }),
    }),
    subject: fc.record({
      ...{
        country: texts,
        organization: often<readonly string[]>(["system:nodes"], texts),
        organizationalUnit: texts,
        locality: texts,
        province: texts,
      },
      ...{ streetAddress: texts, postalCode: texts, commonName, serialNumber: text },
    }),
    ...{ sans: often(NO_ALTERNATIVE_NAMES, sans), key, previous: often<ReviewDocument["previous"]>([], previous) },
  })
  .map((parts) => ({ ...reviewDocument(requestOfDocument(document(parts)), []), previous: parts.previous }));
