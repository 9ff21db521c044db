import { expect, test } from "@jest/globals";
import type { CsrDecoding } from "../../../services/certificate-authority/domain/csr-facts.ts";
import { KNOWN_USAGES } from "../../../services/certificate-authority/domain/key-usages.ts";
import { invalidRequest } from "../../../services/certificate-authority/domain/request-errors.ts";
import { validateCreate } from "../../../services/certificate-authority/domain/validation.ts";
import { facts } from "../../builders/facts.ts";
import { type DraftArguments, draft } from "../../builders/request.ts";

const DECODED: CsrDecoding = { kind: "facts", facts: facts() };
const UNDECODED: CsrDecoding = { kind: "invalid", message: "no PEM block" };

const LABEL_63 = "l".repeat(63);
/** 253 characters in labels of at most 63. */
const DOMAIN_253 = `${`${LABEL_63}.`.repeat(3)}${"l".repeat(61)}`;
const signer = (signerName: string) => ({ spec: { signerName } });
const SIGNER_INVALID = "FieldValueInvalid spec.signerName";
const SIGNER_TOO_LONG = "FieldValueTooLong spec.signerName";

function errorsOf(args: DraftArguments, decoding: CsrDecoding): string[] {
  return validateCreate(draft(args), decoding).map(({ reason, field }) => `${reason} ${field}`);
}

test.each<{ name: string; args: DraftArguments; errors: readonly string[] }>([
  { name: "a kubelet's request", args: {}, errors: [] },
  { name: "every known usage", args: { spec: { usages: KNOWN_USAGES } }, errors: [] },
  { name: "no usage", args: { spec: { usages: [] } }, errors: ["FieldValueRequired spec.usages"] },
  {
    name: "an unknown usage",
    args: { spec: { usages: ["client auth", "telepathy"] } },
    errors: ["FieldValueNotSupported spec.usages[1]"],
  },
  {
    name: "an empty usage",
    args: { spec: { usages: [""] } },
    errors: ["FieldValueNotSupported spec.usages[0]"],
  },
  {
    name: "a usage named like a member of every object",
    args: { spec: { usages: ["constructor"] } },
    errors: ["FieldValueNotSupported spec.usages[0]"],
  },
  {
    name: "a usage twice",
    args: { spec: { usages: ["client auth", "signing", "client auth"] } },
    errors: ["FieldValueDuplicate spec.usages[2]"],
  },
  {
    name: "an unknown usage twice",
    args: { spec: { usages: ["x", "x"] } },
    errors: [
      "FieldValueNotSupported spec.usages[0]",
      "FieldValueNotSupported spec.usages[1]",
      "FieldValueDuplicate spec.usages[1]",
    ],
  },

  { name: "no expiration", args: { spec: {} }, errors: [] },
  { name: "600 seconds", args: { spec: { expirationSeconds: 600 } }, errors: [] },
  { name: "the largest int32", args: { spec: { expirationSeconds: 2_147_483_647 } }, errors: [] },
  {
    name: "599 seconds",
    args: { spec: { expirationSeconds: 599 } },
    errors: ["FieldValueInvalid spec.expirationSeconds"],
  },
  { name: "0 seconds", args: { spec: { expirationSeconds: 0 } }, errors: ["FieldValueInvalid spec.expirationSeconds"] },
  {
    name: "negative seconds",
    args: { spec: { expirationSeconds: -1 } },
    errors: ["FieldValueInvalid spec.expirationSeconds"],
  },

  { name: "no signer", args: signer(""), errors: ["FieldValueRequired spec.signerName"] },
  { name: "somebody's signer", args: signer("example.com/my-signer.v1"), errors: [] },
  { name: "an unknown signer of Kubernetes", args: signer("kubernetes.io/unheard-of"), errors: [] },
  { name: "the legacy signer", args: signer("kubernetes.io/legacy-unknown"), errors: [SIGNER_INVALID] },
  { name: "no slash", args: signer("example.com"), errors: [SIGNER_INVALID] },
  { name: "two slashes", args: signer("example.com/a/b"), errors: [SIGNER_INVALID] },
  { name: "a domain of one label", args: signer("example/a"), errors: [SIGNER_INVALID] },
  { name: "an empty domain", args: signer("/a"), errors: [SIGNER_INVALID, SIGNER_INVALID] },
  { name: "an empty label", args: signer("a..b/c"), errors: [SIGNER_INVALID] },
  { name: "upper case in the domain", args: signer("Example.com/a"), errors: [SIGNER_INVALID] },
  { name: "a label of 63", args: signer(`${LABEL_63}.com/a`), errors: [] },
  { name: "a label of 64", args: signer(`${LABEL_63}l.com/a`), errors: [SIGNER_INVALID] },
  { name: "a domain of 253", args: signer(`${DOMAIN_253}/a`), errors: [] },
  { name: "a domain of 254", args: signer(`${DOMAIN_253}l/a`), errors: [SIGNER_TOO_LONG] },
  { name: "an empty path", args: signer("a.b/"), errors: [SIGNER_INVALID] },
  { name: "a path that ends in a dot", args: signer("a.b/c."), errors: [SIGNER_INVALID] },
  { name: "upper case in the path", args: signer("a.b/C"), errors: [SIGNER_INVALID] },
  { name: "an underscore in the path", args: signer("a.b/c_d"), errors: [SIGNER_INVALID] },
  { name: "a path piece of 253", args: signer(`a.b/${"p".repeat(253)}`), errors: [] },
  { name: "a path piece of 254", args: signer(`a.b/${"p".repeat(254)}`), errors: [SIGNER_INVALID] },
  { name: "571 in all", args: signer(`${DOMAIN_253}/${"p".repeat(253)}.${"p".repeat(63)}`), errors: [] },
  {
    name: "572 in all",
    args: signer(`${DOMAIN_253}/${"p".repeat(253)}.${"p".repeat(64)}`),
    errors: [SIGNER_TOO_LONG],
  },

  {
    name: "a status nobody could have is not looked at",
    args: { status: { conditions: [{ type: "", status: "Maybe", reason: "", message: "" }], certificate: "AAAA" } },
    errors: [],
  },
])("validateCreate: $name", ({ args, errors }) => {
  expect(errorsOf(args, DECODED)).toEqual(errors);
});

test("validateCreate: a request that does not decode is invalid", () => {
  expect(errorsOf({}, UNDECODED)).toEqual(["FieldValueInvalid spec.request"]);
});

test("validateCreate: everything that is wrong is told at once", () => {
  const args = { metadata: { name: "a/b" }, spec: { usages: [], signerName: "x", expirationSeconds: 1 } };
  expect(errorsOf(args, UNDECODED)).toEqual([
    "FieldValueInvalid metadata.name",
    "FieldValueInvalid spec.request",
    "FieldValueRequired spec.usages",
    SIGNER_INVALID,
    "FieldValueInvalid spec.expirationSeconds",
  ]);
});

test("invalidRequest: 422 with one cause an error, details by Kind", () => {
  const errors = validateCreate(draft({ spec: { usages: [], signerName: "" } }), DECODED);
  const status = invalidRequest("csr-1", errors).toStatus();
  expect(status).toMatchObject({
    code: 422,
    reason: "Invalid",
    details: {
      name: "csr-1",
      group: "certificates.k8s.io",
      kind: "CertificateSigningRequest",
      causes: [
        { reason: "FieldValueRequired", field: "spec.usages" },
        { reason: "FieldValueRequired", field: "spec.signerName" },
      ],
    },
  });
});

test("invalidRequest: a huge request is not repeated in the answer", () => {
  const errors = validateCreate(draft({ spec: { request: "A".repeat(1_000_000) } }), UNDECODED);
  expect(invalidRequest("csr-1", errors).message.length).toBeLessThan(1000);
});
