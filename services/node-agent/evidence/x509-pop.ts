import { createHash, X509Certificate } from "node:crypto";
import { keyProblem, signPossession } from "../../shared/attestation/possession.ts";
import { MAXIMUM_CERTIFICATES } from "../../shared/attestation/wire.ts";
import { AgentError } from "../agent-error.ts";
import { certificateBlocks } from "../certificates/credential-files.ts";
import { readPrivateKey } from "../certificates/private-key.ts";
import { base64url, type EvidenceCollector } from "./collector.ts";
import { readEvidenceFile } from "./evidence-file.ts";

/** A certificate of this machine, such as a datacentre's or a manufacturer's, and its key. */
export interface X509popSource {
  readonly kind: "x509pop";
  /** PEM, leaf first. */
  readonly certificateFile: string;
  /** PEM; the certificate's file when undefined. */
  readonly keyFile: string | undefined;
}

/** @throws {AgentError} `unusable` */
export async function x509popEvidence({ certificateFile, keyFile }: X509popSource): Promise<EvidenceCollector> {
  const pem = (await readEvidenceFile(certificateFile)).toString("utf8");
  const keyPem = keyFile === undefined ? pem : (await readEvidenceFile(keyFile)).toString("utf8");
  const key = readPrivateKey(keyPem, keyFile ?? certificateFile);
  const chain = certificateBlocks(pem).map((block) => readCertificate(block, certificateFile));
  const [leaf] = chain;
  if (leaf === undefined) throw new AgentError("unusable", `${certificateFile} holds no certificate in PEM`);
  if (chain.length > MAXIMUM_CERTIFICATES) {
    const message = `${certificateFile} holds ${chain.length} certificates; at most ${MAXIMUM_CERTIFICATES} are taken`;
    throw new AgentError("unusable", message, { hint: "Leave the root out, and what does not belong to the chain." });
  }
  const files = `${keyFile ?? certificateFile} and ${certificateFile}`;
  if (!leaf.checkPrivateKey(key)) throw new AgentError("unusable", `key and first certificate of ${files} do not fit`);
  const problem = keyProblem(key);
  if (problem !== undefined) throw new AgentError("unusable", `the key of ${certificateFile} is not taken: ${problem}`);
  const spki = leaf.publicKey.export({ type: "spki", format: "der" });
  return {
    kind: "x509pop",
    hello: {},
    machineId: `x509:${createHash("sha256").update(spki).digest("hex")}`,
    prove: async ({ bind }) => ({
      chain: chain.map(({ raw }) => base64url(raw)),
      signature: base64url(signPossession(key, "x509pop", bind)),
    }),
  };
}

function readCertificate(pem: string, file: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw new AgentError("unusable", `${file} holds a certificate that cannot be read`, { cause });
  }
}
