import { webcrypto } from "node:crypto";
import fc from "fast-check";
import { createCertificateBuilder } from "../../services/certificate-authority/signer/certificate-builder.ts";
import { loadIssuerCertificate } from "../../services/certificate-authority/signer/issuer-certificate.ts";
import { buildIssuer } from "../../test/builders/issuer.ts";
import { arbitraryIntent } from "../../test/certificate-authority/signer/arbitrary-intent.ts";
import { oracleToBeSigned } from "../../test/certificate-authority/signer/peculiar-oracle.ts";

const ECDSA = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const SERIAL = Buffer.from("4fa1bc0d77e2913365a8b0c4d2e1f097", "hex");

/** Of so many random certificates, how many are the same octets as the library's own generator writes, in per cent. */
export async function shareEqualToOracle(count: number): Promise<number> {
  const issuer = buildIssuer("ecdsa-p256");
  const builder = createCertificateBuilder(loadIssuerCertificate(issuer.certificateDer));
  const pkcs8 = issuer.privateKey.export({ type: "pkcs8", format: "der" });
  const key = await webcrypto.subtle.importKey("pkcs8", pkcs8, ECDSA, false, ["sign"]);
  let equal = 0;
  for (const intent of fc.sample(arbitraryIntent, count)) {
    const ours = Buffer.from(builder.toBeSigned(intent, SERIAL));
    const theirs = await oracleToBeSigned(intent, SERIAL, issuer, { key: key as CryptoKey, algorithm: ECDSA });
    if (ours.equals(theirs)) equal += 1;
  }
  return (equal * 100) / count;
}
