import { condition, csr, withConditions } from "../csr-body.ts";
import { type Exchange, get, list, patch, post, put, type Row } from "../row.ts";

const row = (name: string, ...asked: readonly Exchange[]): Row => ({ name: `options: ${name}`, asked });
const there = (name: string, ...asked: readonly Exchange[]): Row => ({
  name: `options: ${name}`,
  given: [post(csr())],
  asked,
});

const created = (query: string): Row => row(`create ?${query}`, post(csr(), { query }), get());
const replaced = (query: string): Row =>
  there(`update ?${query}`, put("", csr({ metadata: { labels: { a: "b" } } }), { query }), get());
const patched = (query: string): Row =>
  there(`patch ?${query}`, patch("merge", "", { metadata: { labels: { a: "b" } } }, { query }), get());

const QUERIES = [
  "dryRun=All",
  "dryRun=",
  "dryRun=all",
  "dryRun=All&dryRun=All",
  "dryRun=All&dryRun=Some",
  "dryRun=All,All",
  "fieldValidation=",
  "fieldValidation=Strict",
  "fieldValidation=strict",
  "fieldValidation=Some",
  "fieldValidation=Strict&fieldValidation=Ignore",
  "fieldManager=me",
  "fieldManager=",
  `fieldManager=${"m".repeat(128)}`,
  `fieldManager=${"m".repeat(129)}`,
  "fieldManager=a%0Ab",
  `fieldManager=${"%C3%BC".repeat(65)}`,
  "fieldManager=%F0%9F%98%80",
  "force=true",
  "force=false",
  "pretty=true",
  "pretty=0",
  "timeout=5s",
  "timeout=x",
  "unheardOf=1",
  "dryRun=x&fieldManager=a%0Ab&fieldValidation=x&force=1",
];

const DRY_RUNS: readonly Row[] = [
  row("dry create, name missing", post(csr({ metadata: { name: "" } }), { query: "dryRun=All" })),
  row(
    "dry create, generateName",
    post(csr({ metadata: { name: undefined, generateName: "generated-" } }), { query: "dryRun=All" }),
  ),
  there("dry create, taken", post(csr(), { query: "dryRun=All" })),
  there("dry update, nothing changes", put("", csr(), { query: "dryRun=All" })),
  there("dry update, stale", put("", csr({ metadata: { resourceVersion: "1" } }), { query: "dryRun=All" })),
  there("dry approval", put("/approval", withConditions(condition("Approved")), { query: "dryRun=All" }), get()),
  there("dry patch of nothing", patch("merge", "", {}, { query: "dryRun=All" })),
  row("dry update, nothing there", put("", csr(), { query: "dryRun=All" })),
];

const BASE = JSON.stringify(csr());
const withText = (inside: string): string => BASE.replace('"spec":{', `"spec":{${inside},`);

/** Bodies that strict decoding objects to. */
const ODD_BODIES: Readonly<Record<string, string>> = {
  "an unknown field at the top": BASE.replace("{", '{"more":1,'),
  "an unknown field in spec": withText('"more":{"deep":1}'),
  "an unknown field in metadata": BASE.replace('"metadata":{', '"metadata":{"more":1,'),
  "a duplicate field": withText('"signerName":"example.com/other"'),
  "a duplicate field three times": withText('"signerName":"a","signerName":"b"'),
  "a duplicate label": BASE.replace('"metadata":{', '"metadata":{"labels":{"a":"1","a":"2"},'),
  "a duplicate unknown field": withText('"more":1,"more":2'),
  "a field in other case": BASE.replace('"usages"', '"Usages"'),
  "a field in both cases": withText('"SignerName":"example.com/upper"'),
  "kind in other case": BASE.replace('"kind"', '"Kind"'),
  "an unknown field in a condition": BASE.replace(/}$/, ',"status":{"conditions":[{"type":"a","more":1}]}}'),
  "an unknown field in an owner": BASE.replace(
    '"metadata":{',
    '"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"K","name":"n","uid":"u","more":1}],',
  ),
  "a duplicate field in a condition": BASE.replace(
    /}$/,
    ',"status":{"conditions":[{"type":"a"},{"type":"a","type":"b"}]}}',
  ),
  "a duplicate field in an unknown one": BASE.replace("{", '{"more":{"deep":1,"deep":2},'),
  "a duplicate field in two ways": BASE.replace("{", '{"k\\u0069nd":"CertificateSigningRequest",'),
  "several objections": withText('"b":1,"a":2,"usages":["client auth"]'),
  "an unknown field with quotes": BASE.replace("{", '{"mo\\"re":1,'),
  "an unknown field not ASCII": BASE.replace("{", '{"mäh":1,'),
  "an empty field name": BASE.replace("{", '{"":1,'),
  "fifty unknown fields": BASE.replace(
    "{",
    `{${Array.from({ length: 50 }, (_, index) => `"more${index}":1,`).join("")}`,
  ),
  "a long unknown field": BASE.replace("{", `{"${"more".repeat(300)}":1,`),
};

const FIELD_VALIDATION: readonly Row[] = Object.entries(ODD_BODIES).flatMap(([name, body]) => [
  ...["Strict", "Warn", "Ignore"].map((mode) =>
    row(`${mode}: ${name}`, post(body, { query: `fieldValidation=${mode}` })),
  ),
  there(`Strict, update: ${name}`, put("", body, { query: "fieldValidation=Strict" })),
]);

const YAML_ROWS: readonly Row[] = ["Strict", "Warn"].flatMap((mode) =>
  Object.entries({
    "an unknown field": `more: 1\n`,
    "a duplicate field": `kind: CertificateSigningRequest\n`,
  }).map(([name, more]) => {
    const body = `${more}${["apiVersion: certificates.k8s.io/v1", "kind: CertificateSigningRequest", "metadata: {name: $name}"].join("\n")}\nspec: ${JSON.stringify(csr().spec)}\n`;
    return row(
      `${mode}, YAML: ${name}`,
      post(body, { query: `fieldValidation=${mode}`, headers: { "content-type": "application/yaml" } }),
    );
  }),
);

const PATCH_VALIDATION: readonly Row[] = ["Strict", "Warn", "Ignore"].flatMap((mode) => {
  const query = `fieldValidation=${mode}`;
  return [
    there(`${mode}: merge patch, unknown`, patch("merge", "", { more: 1 }, { query })),
    there(
      `${mode}: merge patch, duplicate`,
      patch("merge", "", '{"metadata":{"labels":{"a":"1","a":"2"}}}', { query }),
    ),
    there(
      `${mode}: merge patch, other case`,
      patch("merge", "", { Metadata: { labels: { a: "b" } } }, { query }),
      get(),
    ),
    there(`${mode}: strategic patch, unknown`, patch("strategic", "", { more: 1, spec: { less: 2 } }, { query })),
    there(
      `${mode}: strategic patch, duplicate`,
      patch("strategic", "", '{"metadata":{"labels":{"a":"1","a":"2"}}}', { query }),
    ),
    there(`${mode}: JSON patch, unknown`, patch("json", "", [{ op: "add", path: "/more", value: 1 }], { query })),
    there(
      `${mode}: JSON patch, unknown member`,
      patch("json", "", [{ op: "add", path: "/metadata/labels", value: {}, more: 1 }], { query }),
    ),
    there(
      `${mode}: JSON patch, duplicate member`,
      patch("json", "", '[{"op":"test","op":"add","path":"/metadata/labels","value":{"a":"b"}}]', { query }),
    ),
  ];
});

/** Query options of writes. */
export const OPTIONS: readonly Row[] = [
  ...QUERIES.map(created),
  ...QUERIES.map(replaced),
  ...QUERIES.map(patched),
  ...DRY_RUNS,
  ...FIELD_VALIDATION,
  ...YAML_ROWS,
  ...PATCH_VALIDATION,
  { name: "options: list ?timeout=x", asked: [list("timeout=x&labelSelector=none")] },
  { name: "options: get ?pretty", given: [post(csr())], asked: [get(undefined, { query: "pretty" })] },
];
