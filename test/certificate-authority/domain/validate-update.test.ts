import { expect, test } from "@jest/globals";
import type {
  CertificateSigningRequest,
  CsrStatus,
  UpdateTarget,
} from "../../../services/certificate-authority/domain/certificate-signing-request.ts";
import type { DraftCondition, DraftStatus } from "../../../services/certificate-authority/domain/draft.ts";
import type { CertificateInspector } from "../../../services/certificate-authority/domain/ports.ts";
import { prepareUpdate } from "../../../services/certificate-authority/domain/prepare-update.ts";
import { validateUpdate } from "../../../services/certificate-authority/domain/validation.ts";
import { condition, draft, draftCondition, draftOf, type RequestArguments, request } from "../../builders/request.ts";

const NOW = new Date("2026-01-02T00:00:00Z");

/** Certificates in these tests are words; those that start with `bad` do not parse. */
const inspector: CertificateInspector = {
  inspectPem: (text) =>
    text.startsWith("bad") ? { kind: "invalid", message: "no block" } : { kind: "ok", certificates: [] },
};

const approved = condition("Approved");
const denied = condition("Denied");
const failed = condition("Failed");
const custom = condition("Custom");

function errorsAfter(target: UpdateTarget, stored: CertificateSigningRequest, status: Partial<DraftStatus>): string[] {
  const { metadata, spec, status: sent } = draftOf(stored);
  const next = prepareUpdate(target, stored, { metadata, spec, status: { ...sent, ...status } }, NOW);
  return validateUpdate(target, stored, next, inspector).map(({ reason, field }) => `${reason} ${field}`);
}

const CONDITIONS_FORBIDDEN = ["FieldValueForbidden status.conditions"];
const CONDITIONS_INVALID = ["FieldValueInvalid status.conditions"];

interface Row {
  readonly name: string;
  readonly target: UpdateTarget;
  readonly stored?: CsrStatus;
  readonly conditions: readonly (Pick<DraftCondition, "type" | "status"> & Partial<DraftCondition>)[];
  readonly errors: readonly string[];
}

test.each<Row>([
  { name: "approve", target: "approval", conditions: [approved], errors: [] },
  { name: "deny", target: "approval", conditions: [denied], errors: [] },
  { name: "approve and deny at once", target: "approval", conditions: [approved, denied], errors: CONDITIONS_INVALID },
  {
    name: "deny what is approved",
    target: "approval",
    stored: { conditions: [approved] },
    conditions: [approved, denied],
    errors: CONDITIONS_INVALID,
  },
  {
    name: "approve what is denied",
    target: "approval",
    stored: { conditions: [denied] },
    conditions: [denied, approved],
    errors: CONDITIONS_INVALID,
  },
  { name: "Failed beside Approved", target: "approval", conditions: [approved, failed], errors: [] },
  { name: "Failed beside Denied", target: "approval", conditions: [denied, failed], errors: [] },
  {
    name: "withdraw an approval",
    target: "approval",
    stored: { conditions: [approved] },
    conditions: [],
    errors: CONDITIONS_FORBIDDEN,
  },
  {
    name: "turn an approval into a denial",
    target: "approval",
    stored: { conditions: [approved] },
    conditions: [denied],
    errors: CONDITIONS_FORBIDDEN,
  },
  {
    name: "withdraw a failure through /approval",
    target: "approval",
    stored: { conditions: [failed] },
    conditions: [],
    errors: CONDITIONS_FORBIDDEN,
  },
  {
    name: "change an approval's text",
    target: "approval",
    stored: { conditions: [approved] },
    conditions: [{ ...approved, message: "other" }],
    errors: [],
  },
  { name: "drop a custom condition", target: "approval", stored: { conditions: [custom] }, conditions: [], errors: [] },

  { name: "approve through /status", target: "status", conditions: [approved], errors: CONDITIONS_FORBIDDEN },
  { name: "deny through /status", target: "status", conditions: [denied], errors: CONDITIONS_FORBIDDEN },
  {
    name: "withdraw an approval through /status",
    target: "status",
    stored: { conditions: [approved] },
    conditions: [],
    errors: CONDITIONS_FORBIDDEN,
  },
  {
    name: "double an approval through /status",
    target: "status",
    stored: { conditions: [approved] },
    conditions: [approved, approved],
    errors: ["FieldValueDuplicate status.conditions[1].type", ...CONDITIONS_FORBIDDEN],
  },
  {
    name: "change an approval's text through /status",
    target: "status",
    stored: { conditions: [approved] },
    conditions: [{ ...approved, message: "other", status: "nonsense" }],
    errors: [],
  },
  { name: "fail through /status", target: "status", conditions: [failed], errors: [] },
  {
    name: "withdraw a failure through /status",
    target: "status",
    stored: { conditions: [failed] },
    conditions: [],
    errors: CONDITIONS_FORBIDDEN,
  },
  { name: "custom conditions come", target: "status", conditions: [custom], errors: [] },
  { name: "custom conditions go", target: "status", stored: { conditions: [custom] }, conditions: [], errors: [] },
  { name: "approve through the main resource", target: "main", conditions: [approved, denied], errors: [] },

  {
    name: "no status",
    target: "approval",
    conditions: [{ ...approved, status: "" }],
    errors: ["FieldValueRequired status.conditions[0].status"],
  },
  {
    name: "Approved that is not True",
    target: "approval",
    conditions: [{ ...approved, status: "False" }],
    errors: ["FieldValueNotSupported status.conditions[0].status"],
  },
  {
    name: "Failed that is Unknown",
    target: "status",
    conditions: [{ ...failed, status: "Unknown" }],
    errors: ["FieldValueNotSupported status.conditions[0].status"],
  },
  {
    name: "custom ones may be False or Unknown",
    target: "status",
    conditions: [
      { ...custom, status: "False" },
      { ...condition("Other"), status: "Unknown" },
    ],
    errors: [],
  },
  {
    name: "custom one with another status",
    target: "status",
    conditions: [custom, { ...condition("Other"), status: "true" }],
    errors: ["FieldValueNotSupported status.conditions[1].status"],
  },
  {
    name: "no type",
    target: "approval",
    conditions: [{ ...custom, type: "" }],
    errors: ["FieldValueRequired status.conditions[0].type"],
  },
  {
    name: "a type twice",
    target: "approval",
    conditions: [custom, approved, custom],
    errors: ["FieldValueDuplicate status.conditions[2].type"],
  },
])("conditions, $target: $name", ({ target, stored = {}, conditions, errors }) => {
  const sent = conditions.map((row) => ({ reason: "", message: "", ...row }));
  expect(errorsAfter(target, request({ status: stored }), { conditions: sent })).toEqual(errors);
});

test.each<{
  readonly name: string;
  readonly target: UpdateTarget;
  readonly stored?: string;
  readonly certificate: string;
  readonly errors: readonly string[];
}>([
  { name: "set", target: "status", certificate: "good", errors: [] },
  {
    name: "set one that does not parse",
    target: "status",
    certificate: "bad",
    errors: ["FieldValueInvalid status.certificate"],
  },
  { name: "left as it is", target: "status", stored: "good", certificate: "good", errors: [] },
  {
    name: "replaced",
    target: "status",
    stored: "good",
    certificate: "other",
    errors: ["FieldValueForbidden status.certificate"],
  },
  {
    name: "removed",
    target: "status",
    stored: "good",
    certificate: "",
    errors: ["FieldValueForbidden status.certificate"],
  },
  {
    name: "replaced by one that does not parse",
    target: "status",
    stored: "good",
    certificate: "bad",
    errors: ["FieldValueInvalid status.certificate", "FieldValueForbidden status.certificate"],
  },
  { name: "stored, does not parse, left", target: "status", stored: "bad", certificate: "bad", errors: [] },
  {
    name: "stored, does not parse, replaced by another such",
    target: "status",
    stored: "bad",
    certificate: "bad2",
    errors: ["FieldValueForbidden status.certificate"],
  },
  { name: "set", target: "approval", certificate: "bad", errors: [] },
  { name: "replaced", target: "main", stored: "good", certificate: "bad", errors: [] },
])("certificate, $target: $name", ({ target, stored = "", certificate, errors }) => {
  const csr = request({ status: { ...(stored && { certificate: stored }) } });
  expect(errorsAfter(target, csr, { certificate })).toEqual(errors);
});

test.each<{ readonly name: string; readonly stored: RequestArguments }>([
  { name: "Approved and Denied", stored: { status: { conditions: [approved, denied] } } },
  { name: "a type twice", stored: { status: { conditions: [custom, custom] } } },
  { name: "an empty type", stored: { status: { conditions: [{ ...custom, type: "" }] } } },
  { name: "a certificate that does not parse", stored: { status: { certificate: "bad" } } },
  { name: "unknown usages", stored: { spec: { usages: ["telepathy"] } } },
  { name: "duplicate usages", stored: { spec: { usages: ["client auth", "client auth"] } } },
  { name: "the legacy signer", stored: { spec: { signerName: "kubernetes.io/legacy-unknown" } } },
])("what is stored with $name can still be changed", ({ stored }) => {
  const csr = request(stored);
  const more = [...(csr.status.conditions ?? []), condition("Another")].map(draftCondition);
  for (const target of ["main", "approval", "status"] as const) {
    expect(errorsAfter(target, csr, { conditions: more })).toEqual([]);
  }
});

test("tolerance covers only the rule that was broken", () => {
  const csr = request({ spec: { usages: ["telepathy"] }, status: { conditions: [custom, custom] } });
  const conditions = [custom, custom, { ...custom, type: "" }, { ...custom, type: "X", status: "" }].map((row) =>
    draftCondition(row as typeof custom),
  );
  expect(errorsAfter("approval", csr, { conditions })).toEqual([
    "FieldValueRequired status.conditions[2].type",
    "FieldValueRequired status.conditions[3].status",
  ]);
});

test("metadata is judged on every endpoint", () => {
  const stored = request();
  const sent = draft({ metadata: { labels: { "bad key": "v" } } });
  for (const target of ["main", "approval", "status"] as const) {
    const next = prepareUpdate(target, stored, sent, NOW);
    const errors = validateUpdate(target, stored, next, inspector);
    expect(errors.map(({ field }) => field)).toEqual(["metadata.labels"]);
  }
});

test("an object that is being deleted takes no finalizers, another one does", () => {
  const sent = draft({ metadata: { finalizers: ["a.b/c"] } });
  const fieldsFor = (stored: CertificateSigningRequest) =>
    validateUpdate("main", stored, prepareUpdate("main", stored, sent, NOW), inspector).map(({ field }) => field);
  expect(fieldsFor(request({ metadata: { deletionTimestamp: "2026-01-01T00:00:00Z" } }))).toEqual([
    "metadata.finalizers",
  ]);
  expect(fieldsFor(request())).toEqual([]);
});
