import { csr } from "../csr-body.ts";
import { post, type Row } from "../row.ts";

const created = (name: string, spec: object): Row => ({ name: `create: ${name}`, asked: [post(csr({ spec }))] });

const label = (length: number): string => "a".repeat(length);

const usages = (name: string, value: unknown): Row => created(`usages ${name}`, { usages: value });

const USAGES: readonly Row[] = [
  ...[
    ["signing", "digital signature", "content commitment", "key encipherment", "key agreement", "data encipherment"],
    ["cert sign", "crl sign", "encipher only", "decipher only", "any", "server auth", "client auth", "code signing"],
    ["email protection", "s/mime", "ipsec end system", "ipsec tunnel", "ipsec user", "timestamping", "ocsp signing"],
    ["microsoft sgc", "netscape sgc"],
  ].map((known) => usages(`known: ${known.join(", ")}`, known)),
  usages("in an order of their own", ["server auth", "client auth", "digital signature"]),
  usages("none", []),
  usages("missing", undefined),
  usages("null", null),
  usages("one unknown", ["client auth", "bogus"]),
  usages("empty text", [""]),
  usages("null among them", ["client auth", null]),
  usages("upper case", ["Client Auth"]),
  usages("twice", ["client auth", "client auth"]),
  usages("three times", ["client auth", "server auth", "client auth", "client auth"]),
  usages("unknown twice", ["bogus", "bogus"]),
  usages("text", "client auth"),
  usages("numbers", [1]),
];

const signer = (name: string, signerName: unknown): Row => created(`signerName ${name}`, { signerName });

const SIGNERS: readonly Row[] = [
  signer("missing", undefined),
  signer("null", null),
  signer("empty", ""),
  signer("number", 5),
  signer("legacy", "kubernetes.io/legacy-unknown"),
  signer("of kubernetes, unknown", "kubernetes.io/unheard-of"),
  signer("without slash", "example.com"),
  signer("slash alone", "/"),
  signer("two slashes", "example.com/a/b"),
  signer("no domain", "/a"),
  signer("no path", "example.com/"),
  signer("one label", "example/a"),
  signer("one bad label", "Example/a"),
  signer("upper case domain", "Example.com/a"),
  signer("two bad labels", "Example.Com/a"),
  signer("underscore in domain", "ex_ample.com/a"),
  signer("domain of two dots", "a..b/c"),
  signer("domain with a leading dot", ".com/c"),
  signer("domain with a trailing dot", "example.com./c"),
  signer("domain label of 63", `${label(63)}.com/a`),
  signer("domain label of 64", `${label(64)}.com/a`),
  signer("domain of 253", `${`${label(63)}.`.repeat(3)}${label(61)}/a`),
  signer("domain of 254", `${`${label(63)}.`.repeat(3)}${label(62)}/a`),
  signer("path upper case", "example.com/A"),
  signer("path with a leading dash", "example.com/-a"),
  signer("path with underscore", "example.com/a_b"),
  signer("path of labels", "example.com/a.b-c.d"),
  signer("path with two dots", "example.com/a..b"),
  signer("path star", "example.com/*"),
  signer("path of two bad pieces", "example.com/A.B"),
  signer("path of 253", `example.com/${label(253)}`),
  signer("path piece of 254", `example.com/${label(254)}`),
  signer("path of several long pieces", `example.com/${label(253)}.${label(253)}`),
  signer("571 in all", `${`${label(63)}.`.repeat(3)}${label(61)}/${label(253)}.${label(63)}`),
  signer("572 in all", `${`${label(63)}.`.repeat(3)}${label(61)}/${label(253)}.${label(64)}`),
  signer("too long and bad", `${label(300)}/${label(300)}`),
  signer("non-ASCII", "exämple.com/a"),
  signer("with a space", "example.com/a "),
  signer("with a port", "example.com:80/a"),
];

const expiration = (name: string, expirationSeconds: unknown): Row =>
  created(`expirationSeconds ${name}`, { expirationSeconds });

const EXPIRATIONS: readonly Row[] = [
  expiration("null", null),
  expiration("600", 600),
  expiration("599", 599),
  expiration("0", 0),
  expiration("-1", -1),
  expiration("largest", 2_147_483_647),
  expiration("one too large", 2_147_483_648),
  expiration("smallest", -2_147_483_648),
  expiration("text", "600"),
  expiration("fraction", 600.5),
  {
    name: "create: expirationSeconds 6e2",
    asked: [
      post(
        JSON.stringify(csr({ spec: { expirationSeconds: 1 } })).replace(
          '"expirationSeconds":1',
          '"expirationSeconds":6e2',
        ),
      ),
    ],
  },
  {
    name: "create: expirationSeconds 600.0",
    asked: [
      post(
        JSON.stringify(csr({ spec: { expirationSeconds: 1 } })).replace(
          '"expirationSeconds":1',
          '"expirationSeconds":600.0',
        ),
      ),
    ],
  },
];

const OTHERS: readonly Row[] = [
  created("the requester is not taken from the body", {
    username: "root",
    uid: "0",
    groups: ["system:masters"],
    extra: { a: ["b"] },
  }),
  created("username number", { username: 1 }),
  created("groups text", { groups: "a" }),
  created("extra of text", { extra: { a: "b" } }),
  created("every rule broken at once", { request: "", signerName: "x", usages: ["a", "a"], expirationSeconds: 1 }),
  ...(["nobody", "grouped", "withUid", "masters", "node"] as const).map(
    (as): Row => ({
      name: `create: the requester is ${as}`,
      asked: [post(csr(), { as })],
    }),
  ),
  {
    name: "create: status is emptied",
    asked: [
      post(
        csr({
          status: { certificate: "Z2FyYmFnZQ==", conditions: [{ type: "Approved", status: "True" }, { type: "" }] },
        }),
      ),
    ],
  },
  { name: "create: an unreadable status", asked: [post(csr({ status: { conditions: "x" } }))] },
  { name: "create: certificate no base64", asked: [post(csr({ status: { certificate: "!" } }))] },
  { name: "create: a name that is taken", given: [post(csr())], asked: [post(csr())] },
  {
    name: "create: a name that is taken and another spec",
    given: [post(csr())],
    asked: [post(csr({ spec: { usages: ["server auth"] } }))],
  },
  { name: "create: no spec", asked: [post({ metadata: { name: "$name" } })] },
  { name: "create: spec null", asked: [post({ metadata: { name: "$name" }, spec: null })] },
  { name: "create: no metadata", asked: [post({ spec: csr().spec })] },
];

/** What new objects ask for, but for the request itself. */
export const CREATE_SPEC: readonly Row[] = [...USAGES, ...SIGNERS, ...EXPIRATIONS, ...OTHERS];
