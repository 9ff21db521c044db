import { X509Certificate } from "node:crypto";
import { CertificateAnchors } from "../anchors.ts";
import { alternativeNamesOf } from "../certificate-contents.ts";
import { DIGITAL_SIGNATURE } from "../certificate-extensions.ts";
import { issuersAmong, verifyPath } from "../certificate-path.ts";
import type { SignedData } from "../cms/signed-data.ts";
import { denied } from "../refusal.ts";
import type { FetchedIntermediates } from "./fetched-intermediates.ts";
import type { AzureImdsSettings } from "./settings.ts";

/** Judges whether a certificate is Azure's metadata service's. */
export interface SignerJudge {
  /** @throws {AttestationRefusal} when it is not. */
  judge(signer: X509Certificate, others: readonly Buffer[], now: Date, signal: AbortSignal): Promise<void>;
}

/**
 * The certificate that the message says it was signed with. Others may be beside it, and prove nothing.
 *
 * @throws {AttestationRefusal} unless there is exactly one such certificate.
 */
export function signerOf(message: SignedData): X509Certificate {
  const found = message.certificates.map(parse).filter((certificate) => message.namesAsSigner(certificate));
  const [signer, ...others] = found;
  if (signer === undefined) throw denied("the document does not hold its signer's certificate");
  if (others.length > 0) throw denied("the document holds several certificates of its signer");
  return signer;
}

function parse(der: Buffer): X509Certificate {
  try {
    return new X509Certificate(der);
  } catch (error) {
    throw denied("a certificate of the document cannot be read", error);
  }
}

/** @param fetched - where intermediates are fetched that are neither in the message nor configured. */
export function createSignerJudge(settings: AzureImdsSettings, fetched: FetchedIntermediates | undefined): SignerJudge {
  const roots = new CertificateAnchors(settings.roots);
  const configured = settings.intermediates === undefined ? undefined : new CertificateAnchors(settings.intermediates);

  function verify(signer: X509Certificate, known: readonly X509Certificate[], now: Date): void {
    const chain = [signer, ...issuersAmong(known, [signer])].map(({ raw }) => raw);
    const { leafExtensions } = verifyPath(chain, { anchors: roots.current, now, keyUsage: DIGITAL_SIGNATURE });
    const names = alternativeNamesOf(leafExtensions).dnsNames.map((name) => name.toLowerCase());
    const isAzure = names.some((name) =>
      settings.signerDomains.some((domain) => name === domain || name.endsWith(`.${domain}`)),
    );
    if (!isAzure)
      throw denied(`the signer's certificate is for ${names.join(", ") || "nobody"}, not for the metadata service`);
  }

  return {
    async judge(signer, others, now, signal) {
      const known = [...others.map(parse), ...(configured?.current ?? [])];
      if (fetched === undefined) return verify(signer, known, now);
      try {
        return verify(signer, known, now);
      } catch (error) {
        const more = await fetched.above([signer, ...issuersAmong(known, [signer])], signal);
        if (more.length === 0) throw error;
        return verify(signer, [...known, ...more], now);
      }
    },
  };
}
