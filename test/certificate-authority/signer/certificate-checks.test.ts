import { X509Certificate } from "node:crypto";
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import type { CertificateIntent } from "../../../services/certificate-authority/domain/certificate.ts";
import { createCertificateBuilder } from "../../../services/certificate-authority/signer/certificate-builder.ts";
import { lintCertificate } from "../../../services/certificate-authority/signer/certificate-lint.ts";
import { findDifferences } from "../../../services/certificate-authority/signer/certificate-rereader.ts";
import { loadIssuerCertificate } from "../../../services/certificate-authority/signer/issuer-certificate.ts";
import { importPublicKey } from "../../../services/certificate-authority/signer/public-key.ts";
import { attributeDer, extensionDer } from "../../builders/csr.ts";
import { element, oid, sequence, setOf, TAG } from "../../builders/der.ts";
import { buildIntent, type IntentArguments } from "../../builders/intent.ts";
import { buildIssuer } from "../../builders/issuer.ts";
import { generateKey } from "../../builders/keys.ts";
import { arbitraryIntent, arbitrarySerial } from "./arbitrary-intent.ts";
import {
  AUTHORITY_CONSTRAINTS,
  CLIENT_AUTH,
  EXTENSIONS,
  forgeCertificate,
  type LeafParts,
  UTC,
} from "./forged-certificate.ts";

const BUILT = buildIssuer("ecdsa-p256", { notAfter: new Date("2036-01-01T00:00:00Z") });
const ISSUER = loadIssuerCertificate(BUILT.certificateDer);
const KEY_IDENTIFIER = ISSUER.keyIdentifier ?? Buffer.alloc(0);
const FORGER = { ...BUILT, nameDer: ISSUER.nameDer, keyIdentifier: KEY_IDENTIFIER };

const VALIDITY = { notBefore: new Date("2026-01-01T00:00:00Z"), notAfter: new Date("2027-01-01T00:00:00Z") };
const INTENT = buildIntent({ ...VALIDITY, sans: { dnsNames: ["worker-1"] } });
const SPKI = Buffer.from(INTENT.spkiDer);
const OTHER_SPKI = generateKey("ecdsa-p256").publicKey.export({ type: "spki", format: "der" });

function intentWith(args: IntentArguments): CertificateIntent {
  return buildIntent({ ...VALIDITY, ...args, sans: { dnsNames: ["worker-1"], ...args.sans } });
}

/** The sections of RFC 5280 and other marks in the names of the rules that fail. */
function lint(changes: Partial<LeafParts>, intent = INTENT, issuer = ISSUER): readonly string[] {
  return lintCertificate(forgeCertificate(FORGER, SPKI, changes), intent, issuer);
}

function differences(changes: Partial<LeafParts>, intent = INTENT): readonly string[] {
  return findDifferences(
    new X509Certificate(forgeCertificate(FORGER, SPKI, changes)),
    intent,
    importPublicKey(Buffer.from(intent.spkiDer)),
    ISSUER,
  );
}

const RULE = {
  version: "version is 3 (4.1.2.1)",
  serial: "serial is positive and has at most 20 octets (4.1.2.2)",
  algorithm: "signature algorithm is the issuer's, inside and outside (4.1.1.2)",
  issuer: "issuer is the CA's subject, byte for byte (4.1.2.4)",
  order: "notBefore is not after notAfter (4.1.2.5)",
  validity: "validity is the intent's",
  withinIssuer: "validity ends with the issuer's or before",
  uniqueIdentifiers: "no unique identifiers (4.1.2.8)",
  extensions: "extensions are allowed ones, critical as they must be (4.2)",
  constraints: "basic constraints say no CA, without a path length (4.2.1.9)",
  keyUsage: "key usage is the intent's and names known bits (4.2.1.3)",
  purposes: "extended key usages are the intent's, none twice (4.2.1.12)",
  authority: "authority key identifier is the issuer's (4.2.1.1)",
  names: "subject alternative names are the intent's, never an empty list (4.2.1.6)",
  subject: "subject is the intent's",
  key: "public key is the intent's, byte for byte",
} as const;

test("a sound certificate passes the lint and the second parser", () => {
  expect(lint({})).toEqual([]);
  expect(differences({})).toEqual([]);
});

const SOUND = [
  EXTENSIONS.keyUsage(),
  EXTENSIONS.purposes(CLIENT_AUTH),
  EXTENSIONS.constraints(),
  EXTENSIONS.authority(KEY_IDENTIFIER),
  EXTENSIONS.names(),
] as const;
const [KEY_USAGE, PURPOSES, CONSTRAINTS, AUTHORITY, NAMES] = SOUND;
const SHA384 = sequence(oid("1.2.840.10045.4.3.3"));
const VERSION_2 = element(0xa0, element(TAG.integer, Buffer.from([1])));

function serial(...octets: readonly number[]): Buffer {
  return element(TAG.integer, Buffer.from(octets));
}

test.each<{ name: string; changes: Partial<LeafParts>; rules: readonly (keyof typeof RULE)[] }>([
  { name: "serial 0", changes: { serial: serial(0) }, rules: ["serial"] },
  { name: "a negative serial", changes: { serial: serial(0x80) }, rules: ["serial"] },
  { name: "a serial of 20 octets", changes: { serial: serial(1, ...Array(19).fill(0)) }, rules: [] },
  { name: "a serial of 21 octets", changes: { serial: serial(1, ...Array(20).fill(0)) }, rules: ["serial"] },
  { name: "another algorithm inside", changes: { innerAlgorithm: SHA384 }, rules: ["algorithm"] },
  { name: "another algorithm outside", changes: { outerAlgorithm: SHA384 }, rules: ["algorithm"] },
  { name: "another issuer", changes: { issuer: sequence(setOf(attributeDer("2.5.4.3", "x"))) }, rules: ["issuer"] },
  {
    name: "the issuer in another string type",
    changes: { issuer: sequence(setOf(attributeDer("2.5.4.3", "Gatehouse test CA", TAG.printableString))) },
    rules: ["issuer"],
  },
  {
    name: "a later notBefore",
    changes: { validity: sequence(UTC("260101000001"), UTC("270101000000")) },
    rules: ["validity"],
  },
  {
    name: "an earlier notAfter",
    changes: { validity: sequence(UTC("260101000000"), UTC("261231235959")) },
    rules: ["validity"],
  },
  {
    name: "unique identifiers",
    changes: { uniqueIdentifiers: element(0x81, Buffer.from([0, 1])) },
    rules: ["uniqueIdentifiers"],
  },
  {
    name: "a subject's unique identifier",
    changes: { uniqueIdentifiers: element(0x82, Buffer.from([0, 1])) },
    rules: ["uniqueIdentifiers"],
  },
  {
    name: "a subject key identifier",
    changes: { extensions: [...SOUND, extensionDer("2.5.29.14", element(TAG.octetString, "x"))] },
    rules: ["extensions"],
  },
  {
    name: "an unknown extension",
    changes: { extensions: [...SOUND, extensionDer("1.2.3.4", Buffer.alloc(0))] },
    rules: ["extensions"],
  },
  {
    name: "key usage that is not critical",
    changes: { extensions: [EXTENSIONS.keyUsage("0780", false), PURPOSES, CONSTRAINTS, AUTHORITY, NAMES] },
    rules: ["extensions"],
  },
  {
    name: "constraints that are not critical",
    changes: { extensions: [KEY_USAGE, PURPOSES, EXTENSIONS.constraints(sequence(), false), AUTHORITY, NAMES] },
    rules: ["extensions"],
  },
  {
    name: "critical names beside a subject",
    changes: { extensions: [KEY_USAGE, PURPOSES, CONSTRAINTS, AUTHORITY, EXTENSIONS.names(undefined, true)] },
    rules: ["extensions"],
  },
  {
    name: "critical purposes",
    changes: {
      extensions: [
        KEY_USAGE,
        extensionDer("2.5.29.37", sequence(oid(CLIENT_AUTH)), true),
        CONSTRAINTS,
        AUTHORITY,
        NAMES,
      ],
    },
    rules: ["extensions"],
  },
  {
    name: "a CA",
    changes: { extensions: [KEY_USAGE, PURPOSES, EXTENSIONS.constraints(AUTHORITY_CONSTRAINTS), AUTHORITY, NAMES] },
    rules: ["constraints"],
  },
  {
    name: "CA:FALSE spelled out",
    changes: {
      extensions: [
        KEY_USAGE,
        PURPOSES,
        EXTENSIONS.constraints(sequence(element(TAG.boolean, Buffer.from([0])))),
        AUTHORITY,
        NAMES,
      ],
    },
    rules: ["constraints"],
  },
  {
    name: "a path length",
    changes: {
      extensions: [
        KEY_USAGE,
        PURPOSES,
        EXTENSIONS.constraints(sequence(element(TAG.integer, Buffer.from([0])))),
        AUTHORITY,
        NAMES,
      ],
    },
    rules: ["constraints"],
  },
  { name: "no constraints", changes: { extensions: [KEY_USAGE, PURPOSES, AUTHORITY, NAMES] }, rules: ["constraints"] },
  {
    name: "another key usage",
    changes: { extensions: [EXTENSIONS.keyUsage("05a0"), PURPOSES, CONSTRAINTS, AUTHORITY, NAMES] },
    rules: ["keyUsage"],
  },
  { name: "no key usage", changes: { extensions: [PURPOSES, CONSTRAINTS, AUTHORITY, NAMES] }, rules: ["keyUsage"] },
  {
    name: "other purposes",
    changes: { extensions: [KEY_USAGE, EXTENSIONS.purposes("1.3.6.1.5.5.7.3.1"), CONSTRAINTS, AUTHORITY, NAMES] },
    rules: ["purposes"],
  },
  {
    name: "a purpose twice",
    changes: { extensions: [KEY_USAGE, EXTENSIONS.purposes(CLIENT_AUTH, CLIENT_AUTH), CONSTRAINTS, AUTHORITY, NAMES] },
    rules: ["purposes"],
  },
  { name: "no purposes", changes: { extensions: [KEY_USAGE, CONSTRAINTS, AUTHORITY, NAMES] }, rules: ["purposes"] },
  {
    name: "another authority",
    changes: { extensions: [KEY_USAGE, PURPOSES, CONSTRAINTS, EXTENSIONS.authority(Buffer.alloc(20)), NAMES] },
    rules: ["authority"],
  },
  {
    name: "an authority with more in it",
    changes: {
      extensions: [
        KEY_USAGE,
        PURPOSES,
        CONSTRAINTS,
        extensionDer("2.5.29.35", sequence(element(0x80, KEY_IDENTIFIER), element(0x82, "x"))),
        NAMES,
      ],
    },
    rules: ["authority"],
  },
  { name: "no authority", changes: { extensions: [KEY_USAGE, PURPOSES, CONSTRAINTS, NAMES] }, rules: ["authority"] },
  {
    name: "another name",
    changes: {
      extensions: [KEY_USAGE, PURPOSES, CONSTRAINTS, AUTHORITY, EXTENSIONS.names(sequence(element(0x82, "worker-2")))],
    },
    rules: ["names"],
  },
  {
    name: "the name as an email address",
    changes: {
      extensions: [KEY_USAGE, PURPOSES, CONSTRAINTS, AUTHORITY, EXTENSIONS.names(sequence(element(0x81, "worker-1")))],
    },
    rules: ["names"],
  },
  {
    name: "a name more",
    changes: {
      extensions: [
        KEY_USAGE,
        PURPOSES,
        CONSTRAINTS,
        AUTHORITY,
        EXTENSIONS.names(sequence(element(0x82, "worker-1"), element(0x87, Buffer.alloc(4)))),
      ],
    },
    rules: ["names"],
  },
  { name: "no names", changes: { extensions: [KEY_USAGE, PURPOSES, CONSTRAINTS, AUTHORITY] }, rules: ["names"] },
  {
    name: "another common name",
    changes: {
      subject: sequence(setOf(attributeDer("2.5.4.10", "system:nodes")), setOf(attributeDer("2.5.4.3", "x"))),
    },
    rules: ["subject"],
  },
  {
    name: "an organization more",
    changes: {
      subject: sequence(
        setOf(attributeDer("2.5.4.10", "system:nodes"), attributeDer("2.5.4.10", "system:masters")),
        setOf(attributeDer("2.5.4.3", "system:node:worker-1")),
      ),
    },
    rules: ["subject"],
  },
  { name: "no subject", changes: { subject: sequence() }, rules: ["extensions", "subject"] },
  {
    name: "a user's uid",
    changes: {
      subject: sequence(
        setOf(attributeDer("2.5.4.10", "system:nodes")),
        setOf(attributeDer("2.5.4.3", "system:node:worker-1")),
        setOf(attributeDer("1.3.6.1.4.1.57683.2", "u")),
      ),
    },
    rules: ["subject"],
  },
  { name: "another key", changes: { spki: OTHER_SPKI }, rules: ["key"] },
])("the lint finds $name", ({ changes, rules }) => {
  expect(lint(changes)).toEqual(rules.map((rule) => RULE[rule]));
});

test.each<{ name: string; changes: Partial<LeafParts>; message: string }>([
  { name: "octets behind the certificate", changes: { tail: Buffer.alloc(1) }, message: "certificate: trailing data" },
  {
    name: "an extension twice",
    changes: { extensions: [...SOUND, NAMES] },
    message: "an extension occurs more than once",
  },
  {
    name: "version 4",
    changes: { version: element(0xa0, element(TAG.integer, Buffer.from([3]))) },
    message: "version: not a version of X.509",
  },
  { name: "extensions in version 2", changes: { version: VERSION_2 }, message: "certificate: trailing data" },
  {
    name: "a serial that is not minimal",
    changes: { serial: serial(0, 1) },
    message: "serial number: integer is not minimal",
  },
])("the lint cannot even read $name", ({ changes, message }) => {
  expect(() => lint(changes)).toThrow(message);
});

test("the lint finds a certificate of version 2", () => {
  const rules = lint({ version: VERSION_2, extensions: [] });
  expect(rules).toContain(RULE.version);
});

test("the lint finds validity that is upside down, and validity beyond the issuer's", () => {
  const upsideDown = intentWith({ notBefore: VALIDITY.notAfter, notAfter: VALIDITY.notBefore });
  expect(lint({ validity: sequence(UTC("270101000000"), UTC("260101000000")) }, upsideDown)).toEqual([RULE.order]);
  const untilTheEnd = intentWith({ notAfter: new Date("2036-01-01T00:00:00Z") });
  expect(lint({ validity: sequence(UTC("260101000000"), UTC("360101000000")) }, untilTheEnd)).toEqual([]);
  const beyond = intentWith({ notAfter: new Date("2036-01-01T00:00:01Z") });
  expect(lint({ validity: sequence(UTC("260101000000"), UTC("360101000001")) }, beyond)).toEqual([RULE.withinIssuer]);
});

test("the lint wants an authority key identifier exactly when there is one to name", () => {
  const without = [KEY_USAGE, PURPOSES, CONSTRAINTS, NAMES];
  const anonymous = { ...ISSUER, keyIdentifier: undefined };
  expect(lint({ extensions: without }, INTENT, anonymous)).toEqual([]);
  expect(lint({}, INTENT, anonymous)).toEqual([RULE.authority]);
  const selfNamed = intentWith({ subject: { organization: [], commonName: "Gatehouse test CA" } });
  expect(lint({ subject: ISSUER.nameDer, extensions: without }, selfNamed)).toEqual([]);
  expect(lint({ subject: ISSUER.nameDer }, selfNamed)).toEqual([RULE.authority]);
});

test("the lint wants critical names when there is no subject, and never an empty list of names", () => {
  const nameless = intentWith({ subject: { organization: [], commonName: "" } });
  const critical = [KEY_USAGE, PURPOSES, CONSTRAINTS, AUTHORITY, EXTENSIONS.names(undefined, true)];
  expect(lint({ subject: sequence(), extensions: critical }, nameless)).toEqual([]);
  expect(lint({ subject: sequence() }, nameless)).toEqual([RULE.extensions]);
  const unnamed = intentWith({ sans: { dnsNames: [] } });
  const empty = [KEY_USAGE, PURPOSES, CONSTRAINTS, AUTHORITY, EXTENSIONS.names(sequence())];
  expect(lint({ extensions: empty }, unnamed)).toEqual([RULE.names]);
});

test("the lint refuses an intent with bits that are no key usage", () => {
  const intent = intentWith({ keyUsage: 0x200 });
  expect(
    lint({ extensions: [EXTENSIONS.keyUsage("060040"), PURPOSES, CONSTRAINTS, AUTHORITY, NAMES] }, intent),
  ).toEqual([RULE.keyUsage]);
});

test.each<{ name: string; changes: Partial<LeafParts>; fields: readonly string[] }>([
  {
    name: "subject",
    changes: {
      subject: sequence(
        setOf(attributeDer("2.5.4.10", "system:masters")),
        setOf(attributeDer("2.5.4.3", "system:node:worker-1")),
      ),
    },
    fields: ["subject"],
  },
  {
    name: "a subject attribute more",
    changes: {
      subject: sequence(
        setOf(attributeDer("2.5.4.10", "system:nodes")),
        setOf(attributeDer("2.5.4.3", "system:node:worker-1")),
        setOf(attributeDer("2.5.4.11", "x")),
      ),
    },
    fields: ["subject"],
  },
  { name: "no subject", changes: { subject: sequence() }, fields: ["subject"] },
  { name: "issuer", changes: { issuer: sequence(setOf(attributeDer("2.5.4.3", "x"))) }, fields: ["issuer"] },
  {
    name: "authority",
    changes: { extensions: [KEY_USAGE, PURPOSES, CONSTRAINTS, EXTENSIONS.authority(Buffer.alloc(20)), NAMES] },
    fields: ["issuer"],
  },
  {
    name: "names",
    changes: {
      extensions: [KEY_USAGE, PURPOSES, CONSTRAINTS, AUTHORITY, EXTENSIONS.names(sequence(element(0x82, "worker-2")))],
    },
    fields: ["subjectAltName"],
  },
  {
    name: "no names",
    changes: { extensions: [KEY_USAGE, PURPOSES, CONSTRAINTS, AUTHORITY] },
    fields: ["subjectAltName"],
  },
  {
    name: "a name of another kind",
    changes: {
      extensions: [
        KEY_USAGE,
        PURPOSES,
        CONSTRAINTS,
        AUTHORITY,
        EXTENSIONS.names(sequence(element(0x82, "worker-1"), element(0x88, Buffer.from([0x2a])))),
      ],
    },
    fields: ["subjectAltName"],
  },
  {
    name: "notBefore",
    changes: { validity: sequence(UTC("260101000001"), UTC("270101000000")) },
    fields: ["notBefore"],
  },
  { name: "notAfter", changes: { validity: sequence(UTC("260101000000"), UTC("270101000001")) }, fields: ["notAfter"] },
  {
    name: "purposes",
    changes: {
      extensions: [KEY_USAGE, EXTENSIONS.purposes(CLIENT_AUTH, "1.3.6.1.5.5.7.3.1"), CONSTRAINTS, AUTHORITY, NAMES],
    },
    fields: ["extendedKeyUsage"],
  },
  {
    name: "no purposes",
    changes: { extensions: [KEY_USAGE, CONSTRAINTS, AUTHORITY, NAMES] },
    fields: ["extendedKeyUsage"],
  },
  {
    name: "a CA",
    changes: {
      extensions: [
        EXTENSIONS.keyUsage("0204"),
        PURPOSES,
        EXTENSIONS.constraints(AUTHORITY_CONSTRAINTS),
        AUTHORITY,
        NAMES,
      ],
    },
    fields: ["basicConstraints"],
  },
  { name: "key", changes: { spki: OTHER_SPKI }, fields: ["publicKey"] },
])("the second parser finds another $name", ({ changes, fields }) => {
  expect(differences(changes)).toEqual(fields);
});

test("whatever is built passes both checks, with names that need every kind of escape", () => {
  const issuer = loadIssuerCertificate(
    buildIssuer("ecdsa-p256", { notAfter: new Date("9999-12-31T23:59:59Z") }).certificateDer,
  );
  const builder = createCertificateBuilder(issuer);
  fc.assert(
    fc.property(arbitraryIntent, arbitrarySerial, (drawn, serialOctets) => {
      const [notBefore, notAfter] =
        drawn.notBefore < drawn.notAfter ? [drawn.notBefore, drawn.notAfter] : [drawn.notAfter, drawn.notBefore];
      const intent = { ...drawn, notBefore, notAfter };
      const der = builder.certificate(builder.toBeSigned(intent, serialOctets), Buffer.from("3006020101020101", "hex"));
      expect(lintCertificate(der, intent, issuer)).toEqual([]);
      expect(
        findDifferences(new X509Certificate(der), intent, importPublicKey(Buffer.from(intent.spkiDer)), issuer),
      ).toEqual([]);
    }),
    { numRuns: 300 },
  );
});
