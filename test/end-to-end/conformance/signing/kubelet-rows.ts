import { generateKeyPairSync } from "node:crypto";
import { attributeDer, type CsrArguments, extensionDer, extensionRequestDer } from "../../../builders/csr.ts";
import { element, oid, sequence, setOf, TAG } from "../../../builders/der.ts";
import type { TestKeyAlgorithm } from "../../../builders/keys.ts";
import type { SigningRow } from "./row.ts";

const CLIENT = "kubernetes.io/kube-apiserver-client-kubelet";
const SERVING = "kubernetes.io/kubelet-serving";
const CLIENT_USAGES = ["digital signature", "client auth"];
const SERVING_USAGES = ["digital signature", "server auth"];

const client = (name: string, csr: CsrArguments = {}, rest: Partial<SigningRow> = {}): SigningRow => ({
  name: `kubelet client: ${name}`,
  signer: CLIENT,
  usages: CLIENT_USAGES,
  csr,
  ...rest,
});

const serving = (name: string, csr: CsrArguments = {}, rest: Partial<SigningRow> = {}): SigningRow => ({
  name: `kubelet serving: ${name}`,
  signer: SERVING,
  usages: SERVING_USAGES,
  csr: { dnsNames: ["worker-1"], ipAddresses: ["10.0.0.1"], ...csr },
  ...rest,
});

const KEYS: readonly TestKeyAlgorithm[] = [
  "ecdsa-p224",
  "ecdsa-p256",
  "ecdsa-p384",
  "ecdsa-p521",
  "rsa-1024",
  "rsa-2048",
  "rsa-3072",
  "ed25519",
];

/** Shared, since it takes its time to make; the rows are of one node. */
const RSA = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;

const HOUR = 3600;
const YEAR = 365 * 24 * HOUR;
/** Around the shortest lifetime, the one from which backdating is taken off, and the longest. */
const LIFETIMES = [
  600,
  601,
  HOUR,
  8 * HOUR - 1,
  8 * HOUR,
  8 * HOUR + 1,
  24 * HOUR,
  YEAR - 1,
  YEAR,
  YEAR + 1,
  2 ** 31 - 1,
];

const dns = (text: string): Buffer => element(0x82, text);
const ip = (...octets: readonly number[]): Buffer => element(0x87, Buffer.from(octets));
const san = (...names: readonly Buffer[]): Buffer => extensionDer("2.5.29.17", sequence(...names));
const V6 = [0x20, 1, 0x0d, 0xb8, ...Array<number>(11).fill(0), 1];
const MAPPED = [...Array<number>(10).fill(0), 0xff, 0xff, 10, 0, 0, 9];
const NO_NAMES = { dnsNames: [], ipAddresses: [] } satisfies CsrArguments;
const named = (...names: readonly Buffer[]): CsrArguments => ({ ...NO_NAMES, extensions: [san(...names)] });

const ORGANIZATION = attributeDer("2.5.4.10", "system:nodes");
const COMMON_NAME = attributeDer("2.5.4.3", "system:node:worker-1");
const subject = (...names: readonly Buffer[]): CsrArguments => ({ subjectDer: sequence(...names) });

const CLIENTS: readonly SigningRow[] = [
  ...KEYS.map((key) => client(`key ${key}`, { key })),
  client("an RSA key of exponent 3", {
    key: generateKeyPairSync("rsa", { modulusLength: 2048, publicExponent: 3 }).privateKey,
  }),
  client("no lifetime"),
  ...LIFETIMES.map((expirationSeconds) => client(`for ${expirationSeconds} s`, {}, { expirationSeconds })),
  client("usages in another order", {}, { usages: CLIENT_USAGES.toReversed() }),
  client("key encipherment", {}, { usages: [...CLIENT_USAGES, "key encipherment"] }),
  client("key encipherment first", { key: RSA }, { usages: ["key encipherment", ...CLIENT_USAGES] }),
  client("no digital signature", {}, { usages: ["client auth"] }),
  client("another usage", {}, { usages: [...CLIENT_USAGES, "data encipherment"] }),
  client("server auth", {}, { usages: [...CLIENT_USAGES, "server auth"] }),
  client("name before group", subject(setOf(COMMON_NAME), setOf(ORGANIZATION))),
  client("name and group in one set", subject(setOf(COMMON_NAME, ORGANIZATION))),
  client(
    "an organizational unit",
    subject(setOf(ORGANIZATION), setOf(attributeDer("2.5.4.11", "rack 1")), setOf(COMMON_NAME)),
  ),
  client(
    "printable strings",
    subject(setOf(attributeDer("2.5.4.10", "system:nodes", TAG.printableString)), setOf(COMMON_NAME)),
  ),
  client("a name with blanks and an umlaut", { commonName: "system:node:wörker 1" }),
  client("the bare prefix", { commonName: "system:node:" }),
  client("no name", { commonName: "" }),
  client("another name", { commonName: "worker-1" }),
  client("no group", { organizations: [] }),
  client("another group", { organizations: ["system:masters"] }),
  client("two groups", { organizations: ["system:nodes", "developers"] }),
  client("a group twice", { organizations: ["system:nodes", "system:nodes"] }),
  client("a DNS name", { dnsNames: ["worker-1"] }),
  client("an e-mail address", { emailAddresses: ["a@example.com"] }),
  client("an IP address", { ipAddresses: ["10.0.0.1"] }),
  client("a URI", { uris: ["spiffe://example.com/a"] }),
  client("a name of a kind of its own", {
    extensions: [san(element(0xa0, oid("1.2.3.4"), element(0xa0, element(TAG.utf8String, "x"))))],
  }),
  client("extensions of a CA", {
    extensions: [
      extensionDer("2.5.29.19", sequence(element(TAG.boolean, Buffer.from([0xff]))), true),
      extensionDer("2.5.29.15", element(TAG.bitString, Buffer.from([1, 0x06])), true),
      extensionDer("2.5.29.37", sequence(oid("1.3.6.1.5.5.7.3.1"))),
      extensionDer("2.5.29.14", element(TAG.octetString, Buffer.alloc(20, 7))),
      extensionDer("1.2.3.4.5", element(TAG.utf8String, "x")),
    ],
  }),
  client("a challenge password", {
    attributes: [sequence(oid("1.2.840.113549.1.9.7"), element(TAG.set, element(TAG.utf8String, "secret")))],
  }),
  client("an empty list of extensions", { attributes: [extensionRequestDer([])] }),
];

const SERVINGS: readonly SigningRow[] = [
  serving("a DNS name and an address"),
  ...(["ecdsa-p384", "ed25519"] as const).map((key) => serving(`key ${key}`, { key })),
  ...[600, 8 * HOUR, YEAR].map((expirationSeconds) => serving(`for ${expirationSeconds} s`, {}, { expirationSeconds })),
  serving("key encipherment", { key: RSA }, { usages: ["server auth", "key encipherment", "digital signature"] }),
  serving("client auth", {}, { usages: [...SERVING_USAGES, "client auth"] }),
  serving("only DNS names", { dnsNames: ["b.example.com", "a.example.com"], ipAddresses: [] }),
  serving("only addresses", { dnsNames: [], ipAddresses: ["10.0.0.2", "10.0.0.1"] }),
  serving("IPv6", { ipAddresses: ["2001:db8::1", "::1", "fe80::1"] }),
  serving("addresses before names", named(ip(10, 0, 0, 1), dns("worker-1"))),
  serving(
    "names and addresses in turns",
    named(dns("b"), ip(10, 0, 0, 2), dns("a"), ip(...V6), dns("c"), ip(10, 0, 0, 1)),
  ),
  serving("an IPv4 address in sixteen octets", named(ip(...MAPPED), dns("worker-1"))),
  serving("a name twice", named(dns("a"), dns("a"), ip(10, 0, 0, 1), ip(10, 0, 0, 1))),
  serving(
    "a wildcard, upper case and a dot at the end",
    named(dns("*.example.com"), dns("WORKER-1"), dns("a.example.com.")),
  ),
  serving("an underscore and digits", named(dns("_x.worker_1"), dns("10.0.0.1"))),
  serving("an empty DNS name", named(dns(""), ip(10, 0, 0, 1))),
  serving(
    "other kinds of names beside",
    named(
      dns("worker-1"),
      element(0xa0, oid("1.2.3.4"), element(0xa0, element(TAG.utf8String, "x"))),
      element(0xa4, sequence(setOf(COMMON_NAME))),
      element(0x88, Buffer.from([0x2a, 3])),
    ),
  ),
  serving("names marked critical", {
    ...NO_NAMES,
    extensions: [extensionDer("2.5.29.17", sequence(dns("worker-1")), true)],
  }),
  serving("a hundred names", { dnsNames: Array.from({ length: 100 }, (_, index) => `worker-${index}.example.com`) }),
  serving("no names", NO_NAMES),
  serving("an e-mail address", { emailAddresses: ["a@example.com"] }),
  serving("a URI", { uris: ["https://worker-1/"] }),
  serving("another name", { commonName: "worker-1" }),
  serving("two groups", { organizations: ["system:nodes", "developers"] }),
];

/** Requests of kubelets, most of them as no kubelet would make them. */
export const KUBELET_ROWS: readonly SigningRow[] = [...CLIENTS, ...SERVINGS];
