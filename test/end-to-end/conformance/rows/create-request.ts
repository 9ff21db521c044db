import { constants, createHash, generateKeyPairSync, sign } from "node:crypto";
import { attributeDer, buildCsr, type CsrArguments, extensionDer, extensionRequestDer } from "../../../builders/csr.ts";
import { bitString, element, oid, pemBlock, sequence, setOf, TAG } from "../../../builders/der.ts";
import { generateKey } from "../../../builders/keys.ts";
import { csr, JANE } from "../csr-body.ts";
import { post, type Row } from "../row.ts";

const LABEL = "CERTIFICATE REQUEST";

function pem(name: string, text: string | Uint8Array): Row {
  return base64(`request PEM: ${name}`, Buffer.from(text).toString("base64"));
}

function base64(name: string, request: unknown): Row {
  return { name: `create: ${name}`, asked: [post(csr({ spec: { request } }))] };
}

const der = (name: string, bytes: Uint8Array): Row => pem(name, pemBlock(LABEL, bytes));
const built = (name: string, args: CsrArguments): Row => pem(name, buildCsr(args).pem);

const good = JANE.pem;
const other = buildCsr({ commonName: "other" }).pem;
const [begin = "", ...lines] = good.trimEnd().split("\n");
const end = lines.pop() ?? "";
const content = lines.join("");
const block = (...inner: readonly string[]): string => [begin, ...inner, end, ""].join("\n");

const TEXTS: readonly Row[] = [
  pem("text before", `hello\nworld\n${good}`),
  pem("text before on the same line", `hello ${good}`),
  pem("text after", `${good}trailing`),
  pem("text after the end marker on its line", good.replace(`${end}\n`, `${end} x\n`)),
  pem("blanks after the end marker", good.replace(`${end}\n`, `${end} \t\n`)),
  pem("blanks after the begin marker", good.replace(begin, `${begin} \t`)),
  pem("text after the begin marker", good.replace(begin, `${begin}x`)),
  pem("blank before the begin marker", ` ${good}`),
  pem("no last line end", good.trimEnd()),
  pem("carriage returns", good.replaceAll("\n", "\r\n")),
  pem("old Macintosh line ends", good.replaceAll("\n", "\r")),
  pem("one long line", block(content)),
  pem("short lines", block(...(content.match(/.{1,7}/g) ?? []))),
  pem("blanks within lines", block(...lines.map((line) => ` ${line.slice(0, 9)} ${line.slice(9)}\t`))),
  pem("an empty line at the start", block("", ...lines)),
  pem("an empty line in the middle", block(lines[0] ?? "", "", ...lines.slice(1))),
  pem("headers", block("Proc-Type: 4,ENCRYPTED", "DEK-Info: x", "", ...lines)),
  pem("headers without an empty line", block("Comment: yes", ...lines)),
  pem("a header without a value", block("Comment:", "", ...lines)),
  pem("two blocks, the first counts", good + other),
  pem("a certificate first", pemBlock("CERTIFICATE", JANE.der) + good),
  pem("a broken block first", `${block("!!!!")}${good}`),
  pem("a block with bad padding first", `${block("AAA")}${good}`),
  pem("an empty block first", block() + good),
  pem("an unfinished block first", `${begin}\nAAAA\n${good}`),
  pem("different end label", good.replace(end, "-----END CERTIFICATE-----")),
  pem("different end label, then a good one", good.replace(end, "-----END CERTIFICATE-----") + good),
  pem("no end", [begin, ...lines, ""].join("\n")),
  pem("NEW label", good.replaceAll(LABEL, `NEW ${LABEL}`)),
  pem("lower case label", good.replaceAll(LABEL, LABEL.toLowerCase())),
  pem("label with two blanks", good.replaceAll(LABEL, "CERTIFICATE  REQUEST")),
  pem("four dashes", good.replaceAll("-----", "----")),
  pem("six dashes", good.replaceAll("-----", "------")),
  pem("broken base64", good.replace(content.slice(10, 14), "!@#$")),
  pem("URL base64", block("MIIB_-8=")),
  pem("missing padding", block(content.replace(/=+$/, ""))),
  pem("only DER", JANE.der),
  pem("a byte order mark", `\ufeff${good}`),
  pem("zero bytes before", `\0\0${good}`),
  pem("empty PEM", ""),
  pem("only blanks", " \n"),
  pem("a private key", JANE.privateKey.export({ type: "pkcs8", format: "pem" }) as string),
  base64("request missing", undefined),
  base64("request null", null),
  base64("request empty", ""),
  base64("request no base64", "!!!"),
  base64("request without padding", JANE.requestBase64.replace(/=+$/, "A".repeat(3))),
  base64("request with line ends", JANE.requestBase64.replace(/.{60}/g, "$&\n")),
  base64("request with blanks", JANE.requestBase64.replace(/.{60}/g, "$& ")),
  base64("request URL base64", "_-_-"),
  base64("request of numbers", [1, 2, 3]),
  base64("request object", {}),
  base64("request number", 5),
];

const cut = (count: number): Buffer => JANE.der.subarray(0, JANE.der.length - count);
const { privateKey, spkiDer } = JANE;
const name = (...parts: readonly Uint8Array[]): Buffer => sequence(...parts);
const commonName = setOf(attributeDer("2.5.4.3", "jane"));
const SHA256_ECDSA = sequence(oid("1.2.840.10045.4.3.2"));

/** A request whose parts may be anything, properly signed with jane's key. */
function assembled(
  parts: { version?: Buffer; subject?: Buffer; rest?: readonly Buffer[]; spki?: Buffer } = {},
): Buffer {
  const { version = Buffer.from([0]), subject = name(commonName), rest = [element(0xa0)], spki = spkiDer } = parts;
  const info = sequence(element(TAG.integer, version), subject, spki, ...rest);
  return sequence(info, SHA256_ECDSA, bitString(sign("sha256", info, privateKey)));
}

const NULL_DER = element(TAG.null);

/** A request of an RSA key, signed with another algorithm than usual. */
function rsaSigned(bits: number, algorithm: Buffer, digest: string, options: object = {}): Buffer {
  const { privateKey: key, publicKey } = generateKeyPairSync("rsa", { modulusLength: bits });
  const spki = publicKey.export({ type: "spki", format: "der" });
  const info = sequence(element(TAG.integer, Buffer.from([0])), name(commonName), spki, element(0xa0));
  return sequence(info, algorithm, bitString(sign(digest, info, { key, ...options })));
}

function ecSigned(curve: string, algorithm: string, digest: string): Buffer {
  const { privateKey: key, publicKey } = generateKeyPairSync("ec", { namedCurve: curve });
  const spki = publicKey.export({ type: "spki", format: "der" });
  const info = sequence(element(TAG.integer, Buffer.from([0])), name(commonName), spki, element(0xa0));
  return sequence(info, sequence(oid(algorithm)), bitString(sign(digest, info, key)));
}

function dsaSigned(): Buffer {
  const { privateKey: key, publicKey } = generateKeyPairSync("dsa", { modulusLength: 2048, divisorLength: 256 });
  const spki = publicKey.export({ type: "spki", format: "der" });
  const info = sequence(element(TAG.integer, Buffer.from([0])), name(commonName), spki, element(0xa0));
  return sequence(info, sequence(oid("2.16.840.1.101.3.4.3.2")), bitString(sign("sha256", info, key)));
}

const SHA256_OID = "2.16.840.1.101.3.4.2.1";
const pssAlgorithm = (salt: number, hash = SHA256_OID): Buffer =>
  sequence(
    oid("1.2.840.113549.1.1.10"),
    sequence(
      element(0xa0, sequence(oid(hash), NULL_DER)),
      element(0xa1, sequence(oid("1.2.840.113549.1.1.8"), sequence(oid(hash), NULL_DER))),
      element(0xa2, element(TAG.integer, Buffer.from([salt]))),
    ),
  );
const PSS = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
const rsa = (suffix: number, nullParameters = true): Buffer =>
  sequence(oid(`1.2.840.113549.1.1.${suffix}`), ...(nullParameters ? [NULL_DER] : []));

const KEYS: readonly Row[] = [
  ...(["ecdsa-p224", "ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "rsa-1024", "rsa-2048", "ed25519"] as const).map((key) =>
    built(`key ${key}`, { key }),
  ),
  der("RSA of 1023 bits", rsaSigned(1023, rsa(11), "sha256")),
  der("RSA of 1016 bits", rsaSigned(1016, rsa(11), "sha256")),
  der("RSA of 512 bits", rsaSigned(512, rsa(5), "sha1")),
  der("RSA with MD5", rsaSigned(2048, rsa(4), "md5")),
  der("RSA with SHA-1", rsaSigned(2048, rsa(5), "sha1")),
  der("RSA with SHA-224", rsaSigned(2048, rsa(14), "sha224")),
  der("RSA with SHA-384", rsaSigned(2048, rsa(12), "sha384")),
  der("RSA with SHA-512", rsaSigned(2048, rsa(13), "sha512")),
  der("RSA without NULL parameters", rsaSigned(2048, rsa(11, false), "sha256")),
  der("RSA-PSS", rsaSigned(2048, pssAlgorithm(32), "sha256", PSS)),
  der("RSA-PSS with a salt of 20", rsaSigned(2048, pssAlgorithm(20), "sha256", { ...PSS, saltLength: 20 })),
  der(
    "RSA-PSS with default parameters",
    rsaSigned(2048, sequence(oid("1.2.840.113549.1.1.10"), sequence()), "sha1", { ...PSS, saltLength: 20 }),
  ),
  der("ECDSA P-256 with SHA-1", ecSigned("prime256v1", "1.2.840.10045.4.1", "sha1")),
  der("ECDSA P-256 with SHA-384", ecSigned("prime256v1", "1.2.840.10045.4.3.3", "sha384")),
  der("ECDSA P-256 with SHA-512", ecSigned("prime256v1", "1.2.840.10045.4.3.4", "sha512")),
  der("ECDSA P-256 with SHA-224", ecSigned("prime256v1", "1.2.840.10045.4.3.1", "sha224")),
  der("ECDSA secp256k1", ecSigned("secp256k1", "1.2.840.10045.4.3.2", "sha256")),
  der("ECDSA brainpool", ecSigned("brainpoolP256r1", "1.2.840.10045.4.3.2", "sha256")),
  der("DSA", dsaSigned()),
];

const extension = (dotted: string, value: Uint8Array, critical = false): CsrArguments => ({
  commonName: "jane",
  extensions: [extensionDer(dotted, value, critical)],
});
const san = (...names: readonly Uint8Array[]): CsrArguments => extension("2.5.29.17", sequence(...names));

const STRUCTURES: readonly Row[] = [
  built("a broken signature", { breakSignature: true }),
  der("another request's signature", Buffer.concat([cut(10), Buffer.alloc(10)])),
  der("trailing bytes", Buffer.concat([JANE.der, Buffer.from([0])])),
  der("cut by one", cut(1)),
  der("only a sequence", sequence()),
  der("a text", element(TAG.utf8String, "x")),
  der("as assembled here", assembled()),
  der("without attributes", assembled({ rest: [] })),
  der("version 1", assembled({ version: Buffer.from([1]) })),
  der("version -1", assembled({ version: Buffer.from([255]) })),
  der("version of nine octets", assembled({ version: Buffer.alloc(9, 1) })),
  der("empty subject", assembled({ subject: name() })),
  der("subject of unknown attribute", assembled({ subject: name(setOf(attributeDer("1.2.3.4.5", "x"))) })),
  der(
    "subject value number",
    assembled({ subject: name(setOf(attributeDer("2.5.4.3", Buffer.from([5]), TAG.integer))) }),
  ),
  der("subject PrintableString with @", assembled({ subject: name(setOf(attributeDer("2.5.4.3", "a@b", 0x13))) })),
  der("subject PrintableString with *", assembled({ subject: name(setOf(attributeDer("2.5.4.3", "a*b&c", 0x13))) })),
  der(
    "subject IA5String with octet 200",
    assembled({ subject: name(setOf(attributeDer("2.5.4.3", Buffer.from([200]), 0x16))) }),
  ),
  der(
    "subject UTF8String not UTF-8",
    assembled({ subject: name(setOf(attributeDer("2.5.4.3", Buffer.from([0xff]), 0x0c))) }),
  ),
  der("subject TeletexString", assembled({ subject: name(setOf(attributeDer("2.5.4.3", Buffer.from([0xe9]), 0x14))) })),
  der("subject BMPString", assembled({ subject: name(setOf(attributeDer("2.5.4.3", Buffer.from([0, 0x61]), 0x1e))) })),
  der(
    "subject BMPString of odd length",
    assembled({ subject: name(setOf(attributeDer("2.5.4.3", Buffer.from([0, 0x61, 0]), 0x1e))) }),
  ),
  der(
    "subject UniversalString",
    assembled({ subject: name(setOf(attributeDer("2.5.4.3", Buffer.from([0, 0, 0, 0x61]), 0x1c))) }),
  ),
  der("subject NumericString", assembled({ subject: name(setOf(attributeDer("2.5.4.3", "12 3", 0x12))) })),
  der("subject NumericString with letters", assembled({ subject: name(setOf(attributeDer("2.5.4.3", "12a", 0x12))) })),
  der("subject VisibleString", assembled({ subject: name(setOf(attributeDer("2.5.4.3", "abc", 0x1a))) })),
  der("subject GeneralString", assembled({ subject: name(setOf(attributeDer("2.5.4.3", "abc", 0x1b))) })),
  der("subject empty RDN", assembled({ subject: name(element(TAG.set)) })),
  der(
    "subject RDN not sorted",
    assembled({ subject: name(element(TAG.set, attributeDer("2.5.4.10", "b"), attributeDer("2.5.4.10", "a"))) }),
  ),
  der("subject sequence in place of set", assembled({ subject: name(sequence(attributeDer("2.5.4.3", "x"))) })),
  der("key with trailing bytes", assembled({ spki: sequence(spkiDer.subarray(2), NULL_DER) })),
  der("key of unknown algorithm", assembled({ spki: sequence(sequence(oid("1.2.3.4")), bitString(Buffer.from([1]))) })),
  der(
    "an unknown attribute",
    assembled({ rest: [element(0xa0, sequence(oid("1.2.3.4"), element(TAG.set, NULL_DER)))] }),
  ),
  der(
    "a challenge password",
    assembled({
      rest: [element(0xa0, sequence(oid("1.2.840.113549.1.9.7"), element(TAG.set, element(TAG.utf8String, "secret"))))],
    }),
  ),
  der("an attribute that is none", assembled({ rest: [element(0xa0, NULL_DER)] })),
  der(
    "an attribute of no value",
    assembled({ rest: [element(0xa0, sequence(oid("1.2.840.113549.1.9.14"), element(TAG.set)))] }),
  ),
  der(
    "an extension request that is none",
    assembled({ rest: [element(0xa0, sequence(oid("1.2.840.113549.1.9.14"), element(TAG.set, NULL_DER)))] }),
  ),
  der(
    "two extension requests",
    assembled({
      rest: [
        element(
          0xa0,
          extensionRequestDer([extensionDer("1.2.3", NULL_DER)]),
          extensionRequestDer([extensionDer("1.2.3.4", NULL_DER)]),
        ),
      ],
    }),
  ),
  der(
    "the same extension twice",
    assembled({
      rest: [element(0xa0, extensionRequestDer([extensionDer("1.2.3", NULL_DER), extensionDer("1.2.3", NULL_DER)]))],
    }),
  ),
  der("something after the attributes", assembled({ rest: [element(0xa0), NULL_DER] })),
  built("an unknown extension", extension("1.2.3.4", NULL_DER)),
  built("an unknown critical extension", extension("1.2.3.4", NULL_DER, true)),
  built("basic constraints CA:TRUE", extension("2.5.29.19", sequence(element(TAG.boolean, Buffer.from([255]))))),
  built("basic constraints that are none", extension("2.5.29.19", NULL_DER)),
  built("key usage that is none", extension("2.5.29.15", NULL_DER)),
  built("every kind of SAN", {
    commonName: "jane",
    dnsNames: ["a.example"],
    emailAddresses: ["a@b"],
    ipAddresses: ["10.0.0.1", "fd00::1"],
    uris: ["spiffe://a/b"],
  }),
  built("SAN IP of 3 octets", san(element(0x87, Buffer.from([1, 2, 3])))),
  built("SAN IP of 8 octets", san(element(0x87, Buffer.alloc(8)))),
  built("SAN IP of no octets", san(element(0x87))),
  built("SAN URI that is none", san(element(0x86, "http://[::1"))),
  built("SAN URI relative", san(element(0x86, "a/b"))),
  built("SAN URI with a space", san(element(0x86, "http://a b/"))),
  built("SAN URI with bad percent", san(element(0x86, "http://a/%zz"))),
  built("SAN URI with a bad host", san(element(0x86, "http://-bad-_.example/"))),
  built("SAN URI with a label of 64", san(element(0x86, `http://${"a".repeat(64)}.example/`))),
  built("SAN URI with a long host", san(element(0x86, `http://${"a.".repeat(200)}example/`))),
  built("SAN URI with an empty label", san(element(0x86, "http://a..example/"))),
  built("SAN URI with a final dot", san(element(0x86, "http://a.example./"))),
  built("SAN URI with an underscore", san(element(0x86, "http://a_b.example/"))),
  built("SAN URI with a bad port", san(element(0x86, "http://a:b/"))),
  built("SAN URI without host", san(element(0x86, "mailto:a@b"))),
  built("SAN URI empty", san(element(0x86, ""))),
  built("SAN URI not ASCII", san(element(0x86, "http://ä/"))),
  built("SAN DNS name with a space", san(element(0x82, "a b"))),
  built("SAN DNS name empty", san(element(0x82, ""))),
  built("SAN DNS name not ASCII", san(element(0x82, "ä.example"))),
  built("SAN DNS name wildcard", san(element(0x82, "*.example"))),
  built("SAN email not ASCII", san(element(0x81, "ä@b"))),
  built("SAN email without @", san(element(0x81, "nobody"))),
  built("SAN other name", san(element(0xa0, oid("1.2.3.4"), element(0xa0, element(TAG.utf8String, "x"))))),
  built("SAN directory name", san(element(0xa4, sequence()))),
  built("SAN registered id", san(element(0x88, Buffer.from([0x2a, 3])))),
  built("SAN of no names", san()),
  built("SAN that is none", extension("2.5.29.17", NULL_DER)),
  built(
    "SAN with trailing bytes",
    extension("2.5.29.17", Buffer.concat([sequence(element(0x82, "a.example")), NULL_DER])),
  ),
  der("indefinite length", Buffer.concat([Buffer.from([0x30, 0x80]), JANE.der.subarray(3), Buffer.from([0, 0])])),
  der("long form of a short length", Buffer.from([0x30, 0x81, 0x03, 0x02, 0x01, 0x00])),
  der("zeroes", Buffer.alloc(100)),
  der("random", createHash("sha512").update("random").digest()),
];

const generated = generateKey("ecdsa-p256");

/** The request in a new object: its PEM, its key and signature, its structure. */
export const CREATE_REQUEST: readonly Row[] = [
  ...TEXTS,
  ...KEYS,
  ...STRUCTURES,
  built("a second request of the same key", { key: generated.privateKey }),
];
