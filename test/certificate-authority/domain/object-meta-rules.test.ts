import { expect, test } from "@jest/globals";
import type { DraftMeta } from "../../../services/certificate-authority/domain/draft.ts";
import {
  validateDeletionUntouched,
  validateMeta,
  validateNoNewFinalizers,
} from "../../../services/certificate-authority/domain/object-meta-rules.ts";
import type { OwnerReference } from "../../../services/shared/kubernetes/object-meta.ts";
import { draft } from "../../builders/request.ts";

const OWNER: OwnerReference = { apiVersion: "apps/v1", kind: "Deployment", name: "web", uid: "u" };
const KEY_63 = "k".repeat(63);
const DOMAIN_253 = `${"d".repeat(251)}.d`;
const LIMIT = 256 * 1024;

const INVALID = (field: string) => [`FieldValueInvalid metadata.${field}`];

test.each<{ name: string; meta: Partial<DraftMeta>; errors: readonly string[] }>([
  { name: "a kubelet's name with upper case and _", meta: { name: "node-csr-Ab_C-" }, errors: [] },
  { name: "a name of three dots", meta: { name: "..." }, errors: [] },
  { name: "a very long name", meta: { name: "n".repeat(1000) }, errors: [] },
  { name: "name .", meta: { name: "." }, errors: INVALID("name") },
  { name: "name ..", meta: { name: ".." }, errors: INVALID("name") },
  { name: "name with a slash", meta: { name: "a/b" }, errors: INVALID("name") },
  { name: "name with a percent sign", meta: { name: "a%2fb" }, errors: INVALID("name") },
  { name: "neither name nor generateName", meta: { name: "" }, errors: ["FieldValueRequired metadata.name"] },
  { name: "generateName .", meta: { generateName: "." }, errors: [] },
  { name: "generateName with a slash", meta: { generateName: "a/" }, errors: INVALID("generateName") },
  { name: "generateName with a percent sign", meta: { generateName: "a%" }, errors: INVALID("generateName") },

  { name: "generation 0", meta: { generation: 0 }, errors: [] },
  { name: "generation -1", meta: { generation: -1 }, errors: INVALID("generation") },

  { name: "a label", meta: { labels: { "example.com/Tier_1": "Front.end" } }, errors: [] },
  { name: "an empty label value", meta: { labels: { a: "" } }, errors: [] },
  { name: "label key of 63", meta: { labels: { [KEY_63]: "v" } }, errors: [] },
  { name: "label key of 64", meta: { labels: { [`${KEY_63}k`]: "v" } }, errors: INVALID("labels") },
  { name: "label prefix of 253", meta: { labels: { [`${DOMAIN_253}/a`]: "v" } }, errors: [] },
  { name: "label prefix of 254", meta: { labels: { [`d${DOMAIN_253}/a`]: "v" } }, errors: INVALID("labels") },
  { name: "empty label key", meta: { labels: { "": "v" } }, errors: INVALID("labels") },
  { name: "label key with an empty prefix", meta: { labels: { "/a": "v" } }, errors: INVALID("labels") },
  { name: "label key with two slashes", meta: { labels: { "a/b/c": "v" } }, errors: INVALID("labels") },
  { name: "label prefix in upper case", meta: { labels: { "A.b/c": "v" } }, errors: INVALID("labels") },
  { name: "label key that ends in -", meta: { labels: { "a-": "v" } }, errors: INVALID("labels") },
  { name: "label value of 63", meta: { labels: { a: KEY_63 } }, errors: [] },
  { name: "label value of 64", meta: { labels: { a: `${KEY_63}k` } }, errors: INVALID("labels") },
  { name: "label value with a space", meta: { labels: { a: "b c" } }, errors: INVALID("labels") },
  { name: "label value with a line feed behind it", meta: { labels: { a: "b\n" } }, errors: INVALID("labels") },
  {
    name: "bad key and bad value",
    meta: { labels: { "-": "-" } },
    errors: [...INVALID("labels"), ...INVALID("labels")],
  },

  { name: "annotation prefix in upper case", meta: { annotations: { "A.b/C": "any thing/%" } }, errors: [] },
  { name: "annotation key with a space", meta: { annotations: { "a b": "" } }, errors: INVALID("annotations") },
  { name: "annotations of 256 KiB", meta: { annotations: { a: "v".repeat(LIMIT - 1) } }, errors: [] },
  {
    name: "annotations one byte over 256 KiB",
    meta: { annotations: { a: "v".repeat(LIMIT) } },
    errors: ["FieldValueTooLong metadata.annotations"],
  },
  {
    name: "annotations are counted in bytes",
    meta: { annotations: { a: "é".repeat(LIMIT / 2) } },
    errors: ["FieldValueTooLong metadata.annotations"],
  },

  { name: "an owner", meta: { ownerReferences: [OWNER] }, errors: [] },
  { name: "an owner of the core group", meta: { ownerReferences: [{ ...OWNER, apiVersion: "v1" }] }, errors: [] },
  {
    name: "an owner without anything",
    meta: { ownerReferences: [{ apiVersion: "", kind: "", name: "", uid: "" }] },
    errors: ["apiVersion", "kind", "name", "uid"].flatMap((field) => INVALID(`ownerReferences.${field}`)),
  },
  {
    name: "an owner with a group only",
    meta: { ownerReferences: [{ ...OWNER, apiVersion: "apps/" }] },
    errors: INVALID("ownerReferences.apiVersion"),
  },
  {
    name: "an owner with two slashes",
    meta: { ownerReferences: [{ ...OWNER, apiVersion: "a/b/v1" }] },
    errors: INVALID("ownerReferences.apiVersion"),
  },
  {
    name: "an event as owner",
    meta: { ownerReferences: [{ ...OWNER, apiVersion: "v1", kind: "Event" }] },
    errors: INVALID("ownerReferences"),
  },
  {
    name: "one controller beside a plain owner",
    meta: { ownerReferences: [{ ...OWNER, controller: true }, { ...OWNER, controller: false }, OWNER] },
    errors: [],
  },
  {
    name: "two controllers",
    meta: {
      ownerReferences: [
        { ...OWNER, controller: true },
        { ...OWNER, controller: true },
      ],
    },
    errors: INVALID("ownerReferences"),
  },

  { name: "a finalizer", meta: { finalizers: ["example.com/wait"] }, errors: [] },
  { name: "standard finalizers", meta: { finalizers: ["orphan", "kubernetes"] }, errors: [] },
  { name: "a finalizer without a domain", meta: { finalizers: ["wait"] }, errors: INVALID("finalizers[0]") },
  {
    name: "an empty finalizer",
    meta: { finalizers: [""] },
    errors: [...INVALID("finalizers"), ...INVALID("finalizers[0]")],
  },
  { name: "a finalizer with a space", meta: { finalizers: ["a.b/c d"] }, errors: INVALID("finalizers") },
  {
    name: "orphan and foregroundDeletion",
    meta: { finalizers: ["orphan", "foregroundDeletion"] },
    errors: INVALID("finalizers"),
  },
])("validateMeta: $name", ({ meta, errors }) => {
  const found = validateMeta(draft({ metadata: meta }).metadata);
  expect(found.map(({ reason, field }) => `${reason} ${field}`)).toEqual(errors);
});

test.each([
  { name: "one more", before: ["a.b/c"], after: ["a.b/c", "a.b/d"], fields: ["metadata.finalizers"] },
  { name: "another one", before: ["a.b/c"], after: ["a.b/d"], fields: ["metadata.finalizers"] },
  { name: "the same", before: ["a.b/c"], after: ["a.b/c"], fields: [] },
  { name: "one less", before: ["a.b/c", "a.b/d"], after: ["a.b/d"], fields: [] },
])("validateNoNewFinalizers: $name", ({ before, after, fields }) => {
  const found = validateNoNewFinalizers(before, after);
  expect(found.map(({ field }) => field)).toEqual(fields);
  expect(found.every(({ reason }) => reason === "FieldValueForbidden")).toBe(true);
});

test("a mark of deletion cannot be set, and is put back silently where it is", () => {
  const THEN = "2026-01-02T03:04:05Z";
  const fieldsOf = (stored: object, wanted: object) =>
    validateDeletionUntouched(stored, wanted).map(({ field }) => field);
  expect(fieldsOf({}, {})).toEqual([]);
  expect(fieldsOf({}, { deletionTimestamp: THEN })).toEqual(["metadata.deletionTimestamp"]);
  expect(fieldsOf({}, { deletionGracePeriodSeconds: 0 })).toEqual(["metadata.deletionGracePeriodSeconds"]);
  expect(fieldsOf({ deletionTimestamp: THEN }, { deletionTimestamp: "2027-01-02T03:04:05Z" })).toEqual([]);
});
