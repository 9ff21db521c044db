import { azureNonce } from "../../services/shared/attestation/proofs.ts";
import {
  buildChainAuthority,
  buildChainCertificate,
  type ChainCertificate,
  type ChainCertificateArguments,
  extension,
  generalName,
} from "./certificate-chain.ts";
import { buildCms, CMS, type CmsSigner } from "./cms.ts";
import { extensionDer } from "./csr.ts";
import { element, oid, sequence } from "./der.ts";
import { generateKey } from "./keys.ts";

export const AZURE_SUBSCRIPTION = "8d10da13-8125-4ba9-a717-bf7490507b3d";
export const AZURE_VM = "02aab8a4-74ef-476e-8182-f6d2ba4166a6";
export const AZURE_BIND = Buffer.alloc(32, 0xc1);

/** Says where the issuer's certificate is, as Microsoft's certificates do. */
export function issuedBy(url: string): Buffer {
  const description = (method: string, location: string) => sequence(oid(method), element(0x86, location));
  const responder = description("1.3.6.1.5.5.7.48.1", "http://oneocsp.microsoft.com/ocsp");
  return extensionDer("1.3.6.1.5.5.7.1.1", sequence(responder, description("1.3.6.1.5.5.7.48.2", url)));
}

export function repositoryUrl(name: string): string {
  return `http://www.microsoft.com/pkiops/certs/${name}`;
}

/** A root, a CA below it, and the CA of the signers. */
export function azureAuthorities() {
  const root = buildChainAuthority({ commonName: "root" });
  const top = buildChainAuthority({ commonName: "top", issuer: root });
  const extensions = [issuedBy(repositoryUrl("top ca.crt"))];
  return { root, top, issuing: buildChainAuthority({ commonName: "issuing", issuer: top, extensions }, 0) };
}

const key = generateKey("rsa-2048").privateKey;

/** The certificate of a metadata service, for these names. All have one key, unless told otherwise. */
export function azureSigner(args: ChainCertificateArguments, ...names: readonly string[]): ChainCertificate {
  const dnsNames = names.length === 0 ? ["eastus.metadata.azure.com"] : names;
  return buildChainCertificate({
    commonName: "eastus.metadata.azure.com",
    key,
    extensions: [
      extension.keyUsage("digitalSignature", "keyEncipherment"),
      extension.alternativeNames(...dnsNames.map(generalName.dns)),
      issuedBy(repositoryUrl("issuing.crt")),
    ],
    ...args,
  });
}

/** A document for `AZURE_BIND`, made half a minute before `CHAIN_NOW`. */
export function attestedDocument(changes: Readonly<Record<string, unknown>> = {}): Buffer {
  const document = {
    licenseType: "",
    nonce: azureNonce(AZURE_BIND),
    plan: { name: "", product: "", publisher: "" },
    sku: "22_04-lts",
    subscriptionId: AZURE_SUBSCRIPTION,
    timeStamp: { createdOn: "06/01/26 11:59:30 -0000", expiresOn: "06/01/26 17:59:30 -0000" },
    vmId: AZURE_VM,
    ...changes,
  };
  return Buffer.from(JSON.stringify(document));
}

/** As Azure signs: the content itself, the digest by the signature's name. */
export const AZURE_STYLE: Pick<CmsSigner, "attributes" | "digestAlgorithm"> = {
  attributes: () => undefined,
  digestAlgorithm: CMS.sha256WithRsa,
};

/** The document as Azure signs it, the signer's certificate inside and then the others. */
export function azureSigned(
  certificate: ChainCertificate,
  content = attestedDocument(),
  ...others: readonly ChainCertificate[]
): Buffer {
  const certificates = [certificate, ...others].map(({ der }) => der);
  return buildCms({ content, signers: [{ certificate, ...AZURE_STYLE }], certificates });
}
