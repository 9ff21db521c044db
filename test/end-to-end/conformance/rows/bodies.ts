import { encodeProtobuf, PROTOBUF_TYPE } from "../../../../services/shared/kubernetes/protobuf.ts";
import { csr, JANE } from "../csr-body.ts";
import { type Body, get, JSON_HEADERS, post, type Row } from "../row.ts";

const GIVEN = [post(csr())];

const sent = (name: string, contentType: string | undefined, body: Body = csr()): Row => ({
  name: `content type: ${name}`,
  asked: [post(body, { headers: contentType === undefined ? {} : { "content-type": contentType } })],
});

const YAML_BODY = `apiVersion: certificates.k8s.io/v1\nkind: CertificateSigningRequest\nmetadata:\n  name: $name\nspec: ${JSON.stringify(csr().spec)}\n`;
const encoded =
  (overrides: object = {}): Body =>
  ({ name, signer }) =>
    encodeProtobuf({ ...csr(), metadata: { name }, spec: { ...csr().spec, signerName: signer }, ...overrides });
const enveloped =
  (apiVersion: string, kind: string): Body =>
  (context) => {
    const bytes = Buffer.from((encoded() as (c: typeof context) => Uint8Array)(context)).toString("latin1");
    const length = (text: string): string => String.fromCharCode(text.length);
    const inner = `\n${length(apiVersion)}${apiVersion}\x12${length(kind)}${kind}`;
    const rest = bytes.slice(4 + 2 + bytes.charCodeAt(5));
    return Buffer.from(`k8s\0\n${length(inner)}${inner}${rest}`, "latin1");
  };

const SENT: readonly Row[] = [
  sent("none", undefined),
  sent("JSON", "application/json"),
  sent("JSON with charset", "application/json; charset=UTF-8"),
  sent("JSON with another charset", "application/json; charset=latin1"),
  sent("JSON in upper case", "Application/JSON"),
  sent("JSON with a bad parameter", "application/json; x"),
  sent("text", "text/plain"),
  sent("garbage", "garbage"),
  sent("empty", ""),
  sent("any", "*/*"),
  sent("form", "application/x-www-form-urlencoded"),
  sent("YAML", "application/yaml", YAML_BODY),
  sent("text/yaml", "text/yaml", YAML_BODY),
  sent("JSON called YAML", "application/yaml"),
  sent("YAML called JSON", "application/json", YAML_BODY),
  sent("YAML of two documents", "application/yaml", `${YAML_BODY}---\n${YAML_BODY}`),
  sent("YAML that is none", "application/yaml", "a: b: c"),
  sent(
    "YAML with an anchor",
    "application/yaml",
    YAML_BODY.replace("name: $name", "name: &n $name\n  labels: {a: *n}"),
  ),
  sent(
    "YAML with a number for a label",
    "application/yaml",
    YAML_BODY.replace("name: $name", "name: $name\n  labels: {a: 1}"),
  ),
  sent(
    "YAML with yes for a label",
    "application/yaml",
    YAML_BODY.replace("name: $name", "name: $name\n  labels: {a: yes}"),
  ),
  sent("YAML with null labels", "application/yaml", YAML_BODY.replace("name: $name", "name: $name\n  labels: ~")),
  sent(
    "YAML with a time",
    "application/yaml",
    YAML_BODY.replace("name: $name", "name: $name\n  creationTimestamp: 2020-01-01T00:00:00Z"),
  ),
  sent("YAML empty", "application/yaml", ""),
  sent("YAML with a tag", "application/yaml", YAML_BODY.replace("name: $name", "name: !!str $name")),
  sent(
    "YAML with a merge key",
    "application/yaml",
    YAML_BODY.replace("metadata:", "x: &x {labels: {a: b}}\nmetadata:\n  <<: *x"),
  ),
  sent("protobuf", PROTOBUF_TYPE, encoded()),
  sent("protobuf called JSON", "application/json", encoded()),
  sent("JSON called protobuf", PROTOBUF_TYPE),
  sent("protobuf without magic", PROTOBUF_TYPE, (context) =>
    Buffer.from((encoded() as (c: typeof context) => Uint8Array)(context)).subarray(4),
  ),
  sent("protobuf cut", PROTOBUF_TYPE, (context) =>
    Buffer.from((encoded() as (c: typeof context) => Uint8Array)(context)).subarray(0, -100),
  ),
  sent("protobuf empty", PROTOBUF_TYPE, Buffer.alloc(0)),
  sent("protobuf magic only", PROTOBUF_TYPE, Buffer.from("k8s\0")),
  sent("protobuf of no type", PROTOBUF_TYPE, enveloped("", "")),
  sent("protobuf of another kind", PROTOBUF_TYPE, enveloped("certificates.k8s.io/v1", "Other")),
  sent("protobuf of another version", PROTOBUF_TYPE, enveloped("certificates.k8s.io/v2", "CertificateSigningRequest")),
  sent("protobuf of another group", PROTOBUF_TYPE, enveloped("v1", "CertificateSigningRequest")),
  sent("protobuf of delete options", PROTOBUF_TYPE, enveloped("v1", "DeleteOptions")),
  sent("CBOR", "application/cbor", Buffer.from("a0", "hex")),
  sent("zipped", "application/json", Buffer.from("1f8b", "hex")),
  {
    name: "content type: Content-Encoding gzip",
    asked: [post(csr(), { headers: { ...JSON_HEADERS, "content-encoding": "gzip" } })],
  },
  {
    name: "content type: Accept-Encoding gzip",
    given: GIVEN,
    asked: [get(undefined, { headers: { "accept-encoding": "gzip" } })],
  },
];

const body = (name: string, text: string): Row => ({ name: `body: ${name}`, asked: [post(text)] });
const TEXT = JSON.stringify(csr());

const TEXTS: readonly Row[] = [
  body("empty", ""),
  body("blank", " \n"),
  body("null", "null"),
  body("a list", "[]"),
  body("text", '"x"'),
  body("number", "5"),
  body("an empty object", "{}"),
  body("cut", TEXT.slice(0, -1)),
  body("two objects", TEXT + TEXT),
  body("trailing text", `${TEXT}x`),
  body("blanks around", ` \n${TEXT}\n `),
  body("a byte order mark", `\ufeff${TEXT}`),
  body("a comment", `/* x */${TEXT}`),
  body("single quotes", TEXT.replaceAll('"', "'")),
  body("a trailing comma", TEXT.replace(/}$/, ",}")),
  body("no kind", TEXT.replace('"kind":"CertificateSigningRequest",', "")),
  body("no version", TEXT.replace('"apiVersion":"certificates.k8s.io/v1",', "")),
  body("kind empty", TEXT.replace('"kind":"CertificateSigningRequest"', '"kind":""')),
  body("kind null", TEXT.replace('"kind":"CertificateSigningRequest"', '"kind":null')),
  body("kind number", TEXT.replace('"kind":"CertificateSigningRequest"', '"kind":5')),
  body("kind in lower case", TEXT.replace('"kind":"CertificateSigningRequest"', '"kind":"certificatesigningrequest"')),
  body("another kind", TEXT.replace('"kind":"CertificateSigningRequest"', '"kind":"CertificateSigningRequestList"')),
  body("another version", TEXT.replace("certificates.k8s.io/v1", "certificates.k8s.io/v1beta1")),
  body("another group", TEXT.replace("certificates.k8s.io/v1", "v1")),
  body("a version of three parts", TEXT.replace("certificates.k8s.io/v1", "a/b/c")),
  body("spec null", JSON.stringify({ ...csr(), spec: null })),
  body("spec list", JSON.stringify({ ...csr(), spec: [] })),
  body("metadata null", JSON.stringify({ ...csr(), metadata: null })),
  body("metadata text", JSON.stringify({ ...csr(), metadata: "x" })),
  body("labels list", JSON.stringify(csr({ metadata: { labels: [] } }))),
  body("a deep unknown field", TEXT.replace("{", `{"x":${"[".repeat(50)}${"]".repeat(50)},`)),
  body("a lone surrogate", TEXT.replace('"metadata":{', '"metadata":{"annotations":{"a":"\\ud800"},')),
  body("bad escapes", TEXT.replace('"metadata":{', '"metadata":{"annotations":{"a":"\\x"},')),
  body("control characters in text", TEXT.replace('"metadata":{', '"metadata":{"annotations":{"a":"\u0001"},')),
  body("__proto__", TEXT.replace('"metadata":{', '"metadata":{"labels":{"__proto__":"x"},')),
  {
    name: "body: not UTF-8",
    asked: [
      post(({ name, signer }) =>
        Buffer.concat([
          Buffer.from(
            TEXT.replaceAll("$name", name)
              .replaceAll("$signer", signer)
              .replace('"metadata":{', '"metadata":{"annotations":{"a":"'),
          ),
          Buffer.from([0xff, 0xfe]),
          Buffer.from(""),
        ]),
      ),
    ],
  },
  {
    name: "body: not UTF-8 in an annotation",
    asked: [
      post(({ name, signer }) => {
        const [before = "", after = ""] = TEXT.replaceAll("$name", name)
          .replaceAll("$signer", signer)
          .split('"metadata":{');
        return Buffer.concat([
          Buffer.from(`${before}"metadata":{"annotations":{"a":"`),
          Buffer.from([0xff]),
          Buffer.from(`"},${after}`),
        ]);
      }),
    ],
  },
  {
    name: "body: a kilobyte of request",
    asked: [post(csr({ spec: { request: JANE.requestBase64 + "A".repeat(1024) } }))],
  },
];

/** What a request body is written in, and what it says. */
export const BODIES: readonly Row[] = [...SENT, ...TEXTS];
