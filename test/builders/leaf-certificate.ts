import { createPublicKey, type KeyObject, randomBytes } from "node:crypto";
import { attributeDer, extensionDer } from "./csr.ts";
import { bitString, element, oid, pemBlock, sequence, setOf, TAG } from "./der.ts";
import { type BuiltIssuer, timeDer } from "./issuer.ts";
import { defaultSignature, signWithDefault } from "./keys.ts";

export interface LeafArguments {
  readonly issuer: BuiltIssuer;
  readonly commonName: string;
  readonly organization: string;
  /** The private or the public one. */
  readonly key: KeyObject;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** A client certificate that somebody else signed with the CA's key, say the CA's former owner. PEM. */
export function buildLeafCertificate(args: LeafArguments): string {
  const { issuer, commonName, organization, key, notBefore, notAfter } = args;
  const { algorithmDer } = defaultSignature(issuer.privateKey);
  const extensions = [
    extensionDer("2.5.29.15", element(TAG.bitString, Buffer.from([7, 0x80])), true),
    extensionDer("2.5.29.37", sequence(oid("1.3.6.1.5.5.7.3.2"))),
    extensionDer("2.5.29.19", sequence(), true),
  ];
  const tbs = sequence(
    element(0xa0, element(TAG.integer, Buffer.from([2]))),
    element(TAG.integer, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    algorithmDer,
    issuer.nameDer,
    sequence(timeDer(notBefore), timeDer(notAfter)),
    sequence(setOf(attributeDer("2.5.4.10", organization)), setOf(attributeDer("2.5.4.3", commonName))),
    (key.type === "public" ? key : createPublicKey(key)).export({ type: "spki", format: "der" }),
    element(0xa3, sequence(...extensions)),
  );
  return pemBlock("CERTIFICATE", sequence(tbs, algorithmDer, bitString(signWithDefault(issuer.privateKey, tbs))));
}
