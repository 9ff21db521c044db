import { createPublicKey, type KeyObject } from "node:crypto";
import { readFile } from "node:fs/promises";
import { CLASSICAL_ALGORITHMS, type KeyAlgorithm } from "../../domain/issuer.ts";
import type { RemoteKey } from "../../domain/remote-key.ts";
import { type AuthorityNeeds, orderChain, readAuthorities, requireShape } from "../authority.ts";
import type { ChainedIssuer, IssuerCreation, UsableIssuer } from "../custody.ts";
import { CustodyError } from "../custody-error.ts";
import { checkIssuer, readCertificatePem } from "../issuer-certificate.ts";
import { describeKey } from "../key-strength.ts";
import { type AuthorityWish, makeIssuerRequest, makeRemoteIssuer } from "../make-issuer.ts";
import { encodePem } from "../pem.ts";
import type { Token } from "./token.ts";

/** Where in a token an issuer's key is. */
export interface KeyPlace {
  readonly token: Token;
  readonly keyLabel: string;
}

/**
 * Makes a CA whose key is in a token: found there by its label, or made inside when it is not. Nothing is stored here.
 *
 * @throws {CustodyError} KeyMismatch when a key of another kind has the label; those of `Token`.
 */
export async function createTokenIssuer(
  place: KeyPlace,
  { parent, ...wish }: Required<Pick<IssuerCreation, "algorithm" | "commonName" | "lifetimeSeconds">> & IssuerCreation,
): Promise<UsableIssuer> {
  const privateKey = await obtainKey(place, wish.algorithm);
  const { now } = wish;
  const above = parent && { ...parent.issuer, ...parent.issuer.description };
  const certificateDer = await makeRemoteIssuer({ ...wish, parent: above }, privateKey);
  const checked = checkIssuer(certificateDer, publicHalf(privateKey), now, "the new issuer");
  if (parent !== undefined) {
    const certificates = [parent.issuer.authority, ...parent.ancestors].map(({ certificatePem }) => certificatePem);
    orderChain(
      checked.authority,
      readAuthorities(certificates.join(""), "the chain of the new issuer"),
      now,
      "the chain of the new issuer",
    );
  }
  return { ...checked, privateKey };
}

/**
 * The CA of that certificate, whose key must be the one in the token.
 *
 * @param origin - what to call the certificate in messages.
 * @throws {CustodyError} KeyMismatch; TokenKeyMissing; those of `checkIssuer` and `Token`.
 */
export async function loadTokenIssuer(
  place: KeyPlace,
  certificateDer: Uint8Array,
  now: Date,
  origin: string,
): Promise<UsableIssuer> {
  const privateKey = await requireKey(place);
  return {
    ...checkIssuer(certificateDer, publicHalf(privateKey), now, `${origin} (its key is ${nameOf(place)})`),
    privateKey,
  };
}

/** Takes over a CA from its certificate, while its key is in the token already. @throws {CustodyError} as `loadTokenIssuer`. */
export async function importTokenIssuer(
  place: KeyPlace,
  { certificateFile, chainFile }: { readonly certificateFile: string; readonly chainFile?: string | undefined },
  now: Date,
): Promise<ChainedIssuer> {
  const der = readCertificatePem(await readSource(certificateFile), certificateFile);
  const issuer = await loadTokenIssuer(place, der, now, certificateFile);
  if (chainFile === undefined) return { issuer, ancestors: [] };
  const [authority] = readAuthorities(issuer.authority.certificatePem, certificateFile);
  const others = readAuthorities(await readSource(chainFile), chainFile);
  return { issuer, ancestors: authority === undefined ? [] : orderChain(authority, others, now, chainFile) };
}

/**
 * Asks for a certificate that is signed elsewhere, for a key in the token.
 *
 * @returns a PKCS#10 request, PEM.
 */
export async function requestTokenIssuer(
  place: KeyPlace,
  wish: AuthorityWish & { readonly algorithm: KeyAlgorithm },
): Promise<string> {
  const key = await obtainKey(place, wish.algorithm);
  const { requestDer } = await makeIssuerRequest(wish, key, wish.algorithm);
  return encodePem("CERTIFICATE REQUEST", requestDer);
}

/**
 * Takes the certificate that was asked for.
 *
 * @param chainPem - the certificate and all above it, in any order.
 * @throws {CustodyError} KeyMismatch when none is about the token's key; InvalidChain and those of `loadTokenIssuer`.
 */
export async function installTokenIssuer(
  place: KeyPlace,
  chainPem: string,
  now: Date,
  needs: AuthorityNeeds,
): Promise<ChainedIssuer> {
  const origin = "the chain that was given";
  const key = publicHalf(await requireKey(place));
  const authorities = readAuthorities(chainPem, origin);
  const own = authorities.find(({ native }) => native.publicKey.equals(key));
  if (own === undefined) throw new CustodyError("KeyMismatch", `${origin} holds no certificate for ${nameOf(place)}`);
  const issuer = await loadTokenIssuer(place, own.native.raw, now, origin);
  const ancestors = orderChain(own, authorities, now, origin);
  requireShape([own, ...ancestors], needs);
  return { issuer, ancestors };
}

async function obtainKey({ token, keyLabel }: KeyPlace, algorithm: KeyAlgorithm): Promise<RemoteKey> {
  const classical = CLASSICAL_ALGORITHMS.find((one) => one === algorithm);
  if (classical === undefined)
    throw new CustodyError(
      "UnsupportedKey",
      `${nameOf({ token, keyLabel })} cannot be ${algorithm}; choose another keyAlgorithm`,
    );
  const key = (await token.findKey(keyLabel)) ?? (await token.makeKey(keyLabel, classical));
  const found = describeKey(publicHalf(key), nameOf({ token, keyLabel }));
  if (found === algorithm) return key;
  throw new CustodyError(
    "KeyMismatch",
    `${nameOf({ token, keyLabel })} is ${found}, but the issuer's keyAlgorithm is ${algorithm}; set it to ${found}, or name another keyLabel`,
  );
}

async function requireKey({ token, keyLabel }: KeyPlace): Promise<RemoteKey> {
  const key = await token.findKey(keyLabel);
  if (key !== undefined) return key;
  throw new CustodyError(
    "TokenKeyMissing",
    `there is no private key "${keyLabel}" in the token ${token.name}; put the right token in, or correct keyLabel. Nothing was changed`,
  );
}

function publicHalf({ spkiDer }: RemoteKey): KeyObject {
  return createPublicKey({ key: Buffer.from(spkiDer), format: "der", type: "spki" });
}

function nameOf({ token, keyLabel }: KeyPlace): string {
  return `the key "${keyLabel}" in the token ${token.name}`;
}

async function readSource(path: string): Promise<string> {
  try {
    return await readFile(path, "latin1");
  } catch (cause) {
    throw new CustodyError(
      "FileUnreadable",
      `cannot read ${path}: ${(cause as Error).message}; check the configured path`,
      { cause },
    );
  }
}
