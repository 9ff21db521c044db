import { generateKeyPairSync, hash, type KeyObject, randomBytes, sign } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { element, sequence } from "../load/der.ts";

const ECDSA_WITH_SHA256 = Buffer.from("300a06082a8648ce3d040302", "hex");
const COMMON_NAME = Buffer.from("0603550403", "hex");
const BASIC_CONSTRAINTS = Buffer.from("0603551d13", "hex");
const KEY_USAGE = Buffer.from("0603551d0f", "hex");
const SUBJECT_ALT_NAME = Buffer.from("0603551d11", "hex");
const SUBJECT_KEY_ID = Buffer.from("0603551d0e", "hex");
const TRUE = Buffer.from("0101ff", "hex");
const DAY_MILLISECONDS = 86_400_000;

/** Files that the peers are started with. */
export interface TestAuthority {
  readonly directory: string;
  readonly caCertificateFile: string;
  readonly caKeyFile: string;
  readonly serverCertificateFile: string;
  readonly serverKeyFile: string;
  readonly caPem: string;
}

/** A CA for the peers, all keys P-256 as Gatehouse's own, and a serving certificate for 127.0.0.1. Valid for a day. */
export function makeTestAuthority(directory: string): TestAuthority {
  const ca = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const server = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const caExtensions = [
    extension(BASIC_CONSTRAINTS, sequence(TRUE), true),
    // keyCertSign and cRLSign
    extension(KEY_USAGE, Buffer.from("03020106", "hex"), true),
    extension(SUBJECT_KEY_ID, element(0x04, keyIdentifier(ca.publicKey)), false),
  ];
  const address = sequence(element(0x87, Buffer.from([127, 0, 0, 1])));
  const caPem = certificate("bench-ca", ca.publicKey, "bench-ca", ca.privateKey, caExtensions);
  const serverPem = certificate("bench-server", server.publicKey, "bench-ca", ca.privateKey, [
    extension(SUBJECT_ALT_NAME, address, false),
  ]);
  const write = (name: string, text: string): string => {
    const file = join(directory, name);
    writeFileSync(file, text, { mode: 0o600 });
    return file;
  };
  return {
    ...{ directory, caPem },
    caCertificateFile: write("ca.pem", caPem),
    caKeyFile: write("ca-key.pem", keyPem(ca.privateKey)),
    serverCertificateFile: write("server.pem", serverPem),
    serverKeyFile: write("server-key.pem", keyPem(server.privateKey)),
  };
}

function certificate(
  subject: string,
  publicKey: KeyObject,
  issuer: string,
  issuerKey: KeyObject,
  extensions: readonly Uint8Array[],
): string {
  const now = Date.now();
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  const toBeSigned = sequence(
    element(0xa0, Buffer.from("020102", "hex")),
    element(0x02, serial),
    ECDSA_WITH_SHA256,
    name(issuer),
    sequence(time(now - DAY_MILLISECONDS / 24), time(now + DAY_MILLISECONDS)),
    name(subject),
    publicKey.export({ type: "spki", format: "der" }),
    element(0xa3, sequence(...extensions)),
  );
  const signature = element(0x03, Buffer.from([0]), sign("sha256", toBeSigned, issuerKey));
  const base64 = sequence(toBeSigned, ECDSA_WITH_SHA256, signature).toString("base64");
  return `-----BEGIN CERTIFICATE-----\n${base64.replace(/.{64}(?=.)/g, "$&\n")}\n-----END CERTIFICATE-----\n`;
}

function name(commonName: string): Buffer {
  return sequence(element(0x31, sequence(COMMON_NAME, element(0x0c, Buffer.from(commonName)))));
}

/** RFC 5280 section 4.2.1.2, method 1: the SHA-1 of the point, whose 65 octets end the SPKI. */
function keyIdentifier(publicKey: KeyObject): Buffer {
  return hash("sha1", publicKey.export({ type: "spki", format: "der" }).subarray(-65), "buffer");
}

/** UTCTime, to the second. */
function time(milliseconds: number): Buffer {
  const digits = new Date(milliseconds).toISOString().replaceAll(/[-:T]/g, "").slice(2, 14);
  return element(0x17, Buffer.from(`${digits}Z`));
}

function extension(type: Uint8Array, value: Uint8Array, critical: boolean): Buffer {
  return sequence(type, ...(critical ? [TRUE] : []), element(0x04, value));
}

function keyPem(key: KeyObject): string {
  return key.export({ type: key.asymmetricKeyType === "ec" ? "sec1" : "pkcs8", format: "pem" }) as string;
}
