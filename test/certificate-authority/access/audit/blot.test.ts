import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { blotText, blottedJson } from "../../../../services/certificate-authority/access/audit/blot.ts";

const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";

const KEY = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQ\n-----END EC PRIVATE KEY-----";

test.each([
  {
    name: "a bootstrap token",
    text: "/v1/bootstrap-tokens/abcdef.0123456789abcdef",
    is: "/v1/bootstrap-tokens/abcdef.***",
  },
  { name: "two of them", text: "abcdef.0123456789abcdef,ghijkl.0123456789abcdef", is: "abcdef.***,ghijkl.***" },
  { name: "a name that ends alike", text: "xabcdef.0123456789abcdef", is: "xabcdef.0123456789abcdef" },
  { name: "a name that goes on", text: "abcdef.0123456789abcdef.example", is: "abcdef.0123456789abcdef.example" },
  { name: "a JSON Web Token", text: "?t=eyJhbGciOiJ.eyJpc3MiOiJ.c2ln-_ature&x=1", is: "?t=***&x=1" },
  { name: "a bearer header", text: "Authorization: Bearer abc.def", is: "Authorization: Bearer ***" },
  { name: "a basic header", text: "basic dXNlcjpwYXNz", is: "basic ***" },
  {
    name: "a bearer header in a URL",
    text: "/x?authorization=Bearer%20s3cret&y=1",
    is: "/x?authorization=Bearer ***&y=1",
  },
  { name: "a private key", text: `a ${KEY} b`, is: "a *** b" },
  { name: "a private key cut short", text: `a ${KEY.slice(0, 40)}`, is: "a ***" },
  {
    name: "nothing secret",
    text: "/apis/certificates.k8s.io/v1/certificatesigningrequests?limit=500",
    is: "/apis/certificates.k8s.io/v1/certificatesigningrequests?limit=500",
  },
])("of text: $name", ({ text, is }) => {
  expect(blotText(text)).toBe(is);
});

test.each([
  {
    name: "a created bootstrap token",
    value: { kind: "BootstrapToken", id: "abcdef", token: "abcdef.0123456789abcdef" },
    is: { kind: "BootstrapToken", id: "abcdef", token: "***" },
  },
  {
    name: "members called like secrets, at every depth",
    value: { a: [{ password: "p", "token-secret": "t", clientSecret: "c", privateKey: "k" }] },
    is: { a: [{ password: "***", "token-secret": "***", clientSecret: "***", privateKey: "***" }] },
  },
  {
    name: "a token to be reviewed",
    value: { kind: "TokenReview", spec: { token: "opaque" } },
    is: { kind: "TokenReview", spec: { token: "***" } },
  },
  {
    name: "the data of Secrets in a list",
    value: { items: [{ kind: "Secret", data: { a: "eA==" }, stringData: { b: "x" } }] },
    is: { items: [{ kind: "Secret", data: { a: "***" }, stringData: { b: "***" } }] },
  },
  {
    name: "data of something else",
    value: { kind: "ConfigMap", data: { a: "x" } },
    is: { kind: "ConfigMap", data: { a: "x" } },
  },
  { name: "a secret within a text", value: { note: `key: ${KEY}` }, is: { note: "key: ***" } },
  {
    name: "a request and its certificate stay",
    value: { spec: { request: "LS0tLS1CRUdJTiBDRVJU", usages: ["client auth"] } },
    is: { spec: { request: "LS0tLS1CRUdJTiBDRVJU", usages: ["client auth"] } },
  },
])("of bodies: $name", ({ value, is }) => {
  expect(JSON.parse(blottedJson(value))).toEqual(is);
});

test("no bootstrap token survives, wherever it stands", () => {
  const letters = (length: number) => fc.stringMatching(new RegExp(`^[a-z0-9]{${length}}$`));
  fc.assert(
    fc.property(letters(6), letters(16), fc.string(), fc.string(), (id, secret, before, after) => {
      const text = blottedJson({ note: `${before} ${id}.${secret} ${after}`, token: `${id}.${secret}` });
      expect(text).not.toContain(`${id}.${secret}`);
    }),
  );
});

test("what kubectl apply keeps, and patches of secrets, are blotted out as the objects themselves are", () => {
  const secret = { kind: "Secret", data: { "token-secret": "MDEyMw==", other: "c2VjcmV0" } };
  const annotated = { metadata: { annotations: { [LAST_APPLIED]: JSON.stringify(secret) } } };
  expect(JSON.parse(JSON.parse(blottedJson(annotated)).metadata.annotations[LAST_APPLIED])).toEqual({
    kind: "Secret",
    data: { "token-secret": "***", other: "***" },
  });
  expect(blottedJson({ [LAST_APPLIED]: "no JSON: c2VjcmV0" })).not.toContain("c2VjcmV0");
  const patch = [
    { op: "replace", path: "/data/token-secret", value: "MDEyMw==" },
    { op: "add", path: "/data", value: { "token-secret": "MDEyMw==" } },
    { op: "replace", path: "/data/description", value: "cmFjaw==" },
  ];
  expect(JSON.parse(blottedJson(patch)).map((one: { value: unknown }) => one.value)).toEqual([
    "***",
    { "token-secret": "***" },
    "cmFjaw==",
  ]);
});
