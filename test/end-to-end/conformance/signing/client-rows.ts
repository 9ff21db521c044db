import { attributeDer, type CsrArguments, extensionDer } from "../../../builders/csr.ts";
import { element, sequence, setOf, TAG } from "../../../builders/der.ts";
import type { SigningRow } from "./row.ts";

const client = (name: string, csr: CsrArguments = {}, rest: Partial<SigningRow> = {}): SigningRow => ({
  name: `client: ${name}`,
  signer: "kubernetes.io/kube-apiserver-client",
  usages: ["client auth"],
  csr: { commonName: "jane", organizations: ["developers"], ...csr },
  ...rest,
});

const OIDS = {
  commonName: "2.5.4.3",
  serialNumber: "2.5.4.5",
  country: "2.5.4.6",
  locality: "2.5.4.7",
  province: "2.5.4.8",
  street: "2.5.4.9",
  organization: "2.5.4.10",
  unit: "2.5.4.11",
  title: "2.5.4.12",
  postalCode: "2.5.4.17",
  email: "1.2.840.113549.1.9.1",
  domain: "0.9.2342.19200300.100.1.25",
  kubernetesUid: "1.3.6.1.4.1.57683.2",
} as const;

type Part = keyof typeof OIDS;
const BMP_STRING = 0x1e;
const NUMERIC_STRING = 0x12;

const part = (type: Part, text: string, tag?: number): Buffer => attributeDer(OIDS[type], text, tag);
/** Each part in a set of its own. */
const subject = (...parts: readonly Buffer[]): CsrArguments => ({
  subjectDer: sequence(...parts.map((one) => setOf(one))),
});
const JANE = part("commonName", "jane");
const each = (type: Part, ...texts: readonly string[]): readonly Buffer[] => texts.map((text) => part(type, text));

const EVERY_PART: readonly Buffer[] = [
  ...each("country", "DE", "AT"),
  ...each("organization", "developers"),
  ...each("unit", "a", "b"),
  ...each("locality", "Mitte"),
  ...each("province", "Berlin", "Sachsen"),
  ...each("street", "Unter den Linden 1"),
  ...each("postalCode", "10115", "04109"),
  JANE,
  ...each("serialNumber", "4711"),
];

const SUBJECTS: readonly SigningRow[] = [
  client("name and group"),
  client("only a name", { organizations: [] }),
  client("only a group", { commonName: "" }),
  client("no subject", subject()),
  client("no subject, but names", { ...subject(), dnsNames: ["a.example.com"], emailAddresses: ["a@example.com"] }),
  client("the subject of the issuer", subject(part("country", "DE", TAG.printableString), JANE)),
  client("groups in an order of their own", { organizations: ["zebras", "antelopes", "zebras", "bees"] }),
  client("groups in sets of their own", subject(...each("organization", "zebras", "antelopes", "bb", "a"), JANE)),
  client("every part", subject(...EVERY_PART)),
  client("every part, in reverse", subject(...EVERY_PART.toReversed())),
  client(
    "unknown parts",
    subject(
      JANE,
      part("title", "Dr."),
      part("email", "jane@example.com", TAG.ia5String),
      part("domain", "example", TAG.ia5String),
    ),
  ),
  client("a uid for Kubernetes", subject(JANE, part("kubernetesUid", "uid-1"))),
  client("two names", subject(JANE, part("commonName", "joe"))),
  client("two serial numbers", subject(JANE, ...each("serialNumber", "1", "2"))),
  client("two parts in one set", { subjectDer: sequence(setOf(JANE, part("organization", "developers"))) }),
  client("an empty name", subject(part("commonName", ""), part("organization", "developers"))),
  client("an empty group", subject(JANE, part("organization", ""))),
  ...[
    "with blanks ",
    " in front",
    "O'Neil (x+y), a-b. c/d: e=f?",
    "a*b",
    "a&b",
    "a@b",
    "a_b",
    'quo"te',
    "ümlaut",
    "日本",
    "🦄",
    "tab\there",
    "line\nend",
    "n".repeat(64),
    "n".repeat(65),
    "n".repeat(300),
  ].map((text) => client(`called ${JSON.stringify(text.slice(0, 70))}`, { commonName: text })),
  client("a printable name", subject(part("commonName", "jane", TAG.printableString))),
  client("a name in IA5", subject(part("commonName", "jane@x", TAG.ia5String))),
  client("a numeric name", subject(part("commonName", "12 34", NUMERIC_STRING))),
  client("a name in two octets a letter", {
    subjectDer: sequence(setOf(sequence(...bmp(OIDS.commonName, "jäne")))),
  }),
];

/** Type and value of an attribute whose text is a BMPString. */
function bmp(type: string, text: string): readonly Buffer[] {
  const value = element(BMP_STRING, Buffer.from(text, "utf16le").swap16());
  // The type is what the builder's attribute begins with.
  const whole = attributeDer(type, "");
  return [whole.subarray(2, whole.length - 2), value];
}

const san = (...names: readonly Buffer[]): CsrArguments => ({
  extensions: [extensionDer("2.5.29.17", sequence(...names))],
});
const dns = (text: string): Buffer => element(0x82, text);
const email = (text: string): Buffer => element(0x81, text);
const uri = (text: string): Buffer => element(0x86, text);
const ip = (...octets: readonly number[]): Buffer => element(0x87, Buffer.from(octets));

const NAMES: readonly SigningRow[] = [
  client(
    "names of every kind, in turns",
    san(
      uri("spiffe://example.com/b"),
      ip(10, 0, 0, 2),
      email("b@example.com"),
      dns("b.example.com"),
      uri("spiffe://example.com/a"),
      dns("a.example.com"),
      email("a@example.com"),
      ip(10, 0, 0, 1),
    ),
  ),
  ...[
    "spiffe://example.com/ns/a/sa/b?x=1#f",
    "HTTPS://Example.COM:8443/A%2fb/%7Ec",
    "https://user:pass@example.com/",
    "urn:uuid:6f6e1d3a-0000-4000-8000-000000000001",
    "mailto:jane@example.com",
    "https://[2001:db8::1]/x",
    "https://example.com?",
    "https://example.com/#",
    "https://example.com/a b",
    "https://example.com/a|b^c",
    "/only/a/path",
    "example.com/path",
    "file:///etc/passwd",
    "x:",
  ].map((text) => client(`URI ${text}`, san(uri(text)))),
  client("an odd e-mail address", san(email("not an address"))),
];

const USAGES: readonly SigningRow[] = [
  ["client auth", "digital signature"],
  ["key encipherment", "client auth"],
  ["key encipherment", "digital signature", "client auth"],
  ["digital signature"],
  ["client auth", "server auth"],
  ["client auth", "signing"],
  ["client auth", "any"],
].map((usages) => client(`usages ${usages.join(", ")}`, {}, { usages }));

const OTHERS: readonly SigningRow[] = [
  // The issuer ends before all but the first two.
  ...[600, 86_400, 31_536_000, 2 ** 31 - 1].map((expirationSeconds) =>
    client(`for ${expirationSeconds} s`, {}, { expirationSeconds }),
  ),
  ...(["ecdsa-p384", "ecdsa-p521", "rsa-2048", "ed25519"] as const).map((key) => client(`key ${key}`, { key })),
  client("called as a node", { commonName: "system:node:worker-1", organizations: ["system:nodes"] }),
];

/** Requests for `kubernetes.io/kube-apiserver-client`, whose subject may be anything. */
export const CLIENT_ROWS: readonly SigningRow[] = [...SUBJECTS, ...NAMES, ...USAGES, ...OTHERS];
