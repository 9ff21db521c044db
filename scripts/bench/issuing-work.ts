import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { buildIntent, judgeSigning } from "../../services/certificate-authority/domain/intent.ts";
import { createIssuingCore } from "../../services/certificate-authority/signer/issuing-core.ts";
import { RequestPool } from "./load/request-pool.ts";
import type { TestAuthority } from "./servers/test-authority.ts";

const DISTINCT_REQUESTS = 512;
const YEAR_SECONDS = 365 * 86_400;
const SPEC = {
  signerName: "kubernetes.io/kube-apiserver-client-kubelet",
  usages: ["digital signature", "client auth"],
  extra: {},
} as const;

export type IssuingFiles = Pick<TestAuthority, "caCertificateFile" | "caKeyFile">;

/** As many as one hand-over to a signing thread carries under load. */
export const ISSUING_BATCH = 32;

/**
 * The whole core of issuing as a function without arguments that issues a batch: requests are decoded, their signatures
 * checked, judged against their signer's profile; certificates built, signed, linted and read again by another parser.
 */
export function createIssuingWork({ caCertificateFile, caKeyFile }: IssuingFiles): () => readonly string[] {
  const pool = new RequestPool();
  pool.prepare(DISTINCT_REQUESTS);
  const requests = Array.from({ length: DISTINCT_REQUESTS }, (_, index) =>
    Buffer.from(pool.at(index).pem).toString("base64"),
  );
  const certificate = new X509Certificate(readFileSync(caCertificateFile));
  const privateKey = createPrivateKey(readFileSync(caKeyFile));
  const core = createIssuingCore({ certificateDer: certificate.raw, privateKey });
  const limits = { maximumSeconds: YEAR_SECONDS, issuerNotAfter: certificate.validToDate };
  let next = 0;
  return () => {
    const batch = requests.slice(next, next + ISSUING_BATCH);
    next = (next + ISSUING_BATCH) % DISTINCT_REQUESTS;
    const now = new Date();
    const intents = core.decode(batch).map((decoding) => {
      if (decoding.kind === "invalid") throw new Error(decoding.message);
      const judgement = judgeSigning(SPEC, decoding.facts);
      if (judgement.kind !== "conforms") throw new Error(`the request is ${judgement.kind}`);
      return buildIntent(SPEC, decoding.facts, limits, now);
    });
    return core.sign(intents).map((outcome) => {
      if (outcome.kind === "refused") throw outcome.error;
      return outcome.certificate.pem;
    });
  };
}
