import { createPublicKey, type KeyObject, randomBytes, sign } from "node:crypto";
import { attributeDer, extensionDer } from "./csr.ts";
import { bitString, element, oid, pemBlock, sequence, setOf, TAG } from "./der.ts";
import { timeDer } from "./issuer.ts";
import { defaultSignature, generateKey, type TestKeyAlgorithm } from "./keys.ts";

/** Certificates as anybody might make them, right and wrong ones alike. */
export interface ChainCertificate {
  readonly der: Buffer;
  readonly pem: string;
  readonly privateKey: KeyObject;
  /** The encoded subject, to be the issuer of what it signs. */
  readonly nameDer: Buffer;
  /** The encoded subject of what has signed it. */
  readonly issuerDer: Buffer;
  /** Content octets of the serial number. */
  readonly serial: Buffer;
}

export interface ChainCertificateArguments {
  readonly commonName?: string;
  /** Further attributes of the subject, dotted type and value. */
  readonly attributes?: readonly (readonly [string, string])[];
  /** Signs it; it signs itself otherwise. */
  readonly issuer?: ChainCertificate;
  readonly key?: KeyObject;
  /** Instead of it, where nobody has the private key. */
  readonly publicKey?: KeyObject;
  readonly keyAlgorithm?: TestKeyAlgorithm;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  readonly extensions?: readonly Buffer[];
  /** The AlgorithmIdentifier and what signs, instead of the usual ones of the issuer's key. */
  readonly signature?: { readonly algorithmDer: Buffer; readonly sign: (tbs: Buffer, key: KeyObject) => Buffer };
}

/** Within the validity of every certificate that is not told otherwise. */
export const CHAIN_NOW = new Date("2026-06-01T12:00:00Z");

export function buildChainCertificate(args: ChainCertificateArguments = {}): ChainCertificate {
  const privateKey = args.key ?? generateKey(args.keyAlgorithm ?? "ecdsa-p256").privateKey;
  const signingKey = args.issuer?.privateKey ?? privateKey;
  const { algorithmDer, digest } = defaultSignature(signingKey);
  const { signature = { algorithmDer, sign: (tbs: Buffer, key: KeyObject) => sign(digest, tbs, key) } } = args;
  const commonName = args.commonName === undefined ? [] : [["2.5.4.3", args.commonName] as const];
  const attributes = [...commonName, ...(args.attributes ?? [])].map(([type, value]) =>
    setOf(attributeDer(type, value)),
  );
  const nameDer = sequence(...attributes);
  const issuerDer = args.issuer?.nameDer ?? nameDer;
  const serial = Buffer.concat([Buffer.from([1]), randomBytes(8)]);
  const tbs = sequence(
    element(0xa0, element(TAG.integer, Buffer.from([2]))),
    element(TAG.integer, serial),
    signature.algorithmDer,
    issuerDer,
    sequence(
      timeDer(args.notBefore ?? new Date("2026-01-01T00:00:00Z")),
      timeDer(args.notAfter ?? new Date("2027-01-01T00:00:00Z")),
    ),
    nameDer,
    (args.publicKey ?? createPublicKey(privateKey)).export({ type: "spki", format: "der" }),
    ...(args.extensions === undefined ? [] : [element(0xa3, sequence(...args.extensions))]),
  );
  const der = sequence(tbs, signature.algorithmDer, bitString(signature.sign(tbs, signingKey)));
  return { der, pem: pemBlock("CERTIFICATE", der), privateKey, nameDer, issuerDer, serial };
}

/** `keyUsage` by the names of RFC 5280's first seven bits. */
const KEY_USAGES = ["digitalSignature", "", "keyEncipherment", "", "keyAgreement", "keyCertSign", "cRLSign"] as const;

export const extension = {
  authority: (pathLength?: number) =>
    extensionDer(
      "2.5.29.19",
      sequence(
        element(TAG.boolean, Buffer.from([0xff])),
        ...(pathLength === undefined ? [] : [element(TAG.integer, Buffer.from([pathLength]))]),
      ),
      true,
    ),
  keyUsage: (...usages: readonly Exclude<(typeof KEY_USAGES)[number], "">[]) => {
    const octet = usages.reduce((bits, usage) => bits | (0x80 >> KEY_USAGES.indexOf(usage)), 0);
    const unused = Math.log2(octet & -octet);
    return extensionDer("2.5.29.15", element(TAG.bitString, Buffer.from([unused, octet])), true);
  },
  extendedKeyUsage: (...usages: readonly string[]) => extensionDer("2.5.29.37", sequence(...usages.map(oid))),
  policies: (...policies: readonly string[]) =>
    extensionDer("2.5.29.32", sequence(...policies.map((policy) => sequence(oid(policy))))),
  alternativeNames: (...names: readonly Buffer[]) => extensionDer("2.5.29.17", sequence(...names)),
  /** Permits names below `example.com`. */
  nameConstraints: (isCritical: boolean) =>
    extensionDer("2.5.29.30", sequence(element(0xa0, sequence(element(0x82, "example.com")))), isCritical),
  unknown: (isCritical: boolean) => extensionDer("1.2.3.4", element(TAG.null), isCritical),
};

/** A GeneralName each. */
export const generalName = {
  dns: (name: string) => element(0x82, name),
  ip: (...octets: readonly number[]) => element(0x87, Buffer.from(octets)),
  /** RFC 4108 section 5. */
  hardwareModule: (type: string, serial: Uint8Array) =>
    element(0xa0, oid("1.3.6.1.5.5.7.8.4"), element(0xa0, sequence(oid(type), element(TAG.octetString, serial)))),
};

export const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";
export const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";

/** A CA certificate with the usual extensions and these. */
export function buildChainAuthority(
  { extensions = [], ...args }: ChainCertificateArguments & { readonly commonName: string },
  pathLength?: number,
): ChainCertificate {
  const own = [extension.authority(pathLength), extension.keyUsage("keyCertSign", "cRLSign")];
  return buildChainCertificate({ ...args, extensions: [...own, ...extensions] });
}

export interface ListArguments {
  readonly issuer: ChainCertificate;
  readonly revoked?: readonly ChainCertificate[];
  readonly thisUpdate?: Date;
  /** Undefined leaves it out. */
  readonly nextUpdate?: Date | undefined;
  readonly extensions?: readonly Buffer[];
  readonly entryExtensions?: readonly Buffer[];
  /** Signs in place of the issuer's key. */
  readonly key?: KeyObject;
}

/** A CRL, valid for an hour around `CHAIN_NOW` unless told otherwise. DER. */
export function buildList(args: ListArguments): Buffer {
  const { issuer, revoked = [], key = issuer.privateKey, extensions = [], entryExtensions = [] } = args;
  const { algorithmDer, digest } = defaultSignature(key);
  const thisUpdate = args.thisUpdate ?? new Date(CHAIN_NOW.getTime() - 1_800_000);
  const nextUpdate = "nextUpdate" in args ? args.nextUpdate : new Date(CHAIN_NOW.getTime() + 1_800_000);
  const more = entryExtensions.length === 0 ? [] : [sequence(...entryExtensions)];
  const entries = revoked.map(({ serial }) => sequence(element(TAG.integer, serial), timeDer(thisUpdate), ...more));
  const tbs = sequence(
    element(TAG.integer, Buffer.from([1])),
    algorithmDer,
    issuer.nameDer,
    timeDer(thisUpdate),
    ...(nextUpdate === undefined ? [] : [timeDer(nextUpdate)]),
    ...(entries.length === 0 ? [] : [sequence(...entries)]),
    ...(extensions.length === 0 ? [] : [element(0xa0, sequence(...extensions))]),
  );
  return sequence(tbs, algorithmDer, bitString(sign(digest, tbs, key)));
}
