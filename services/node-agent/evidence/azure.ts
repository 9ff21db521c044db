import { z } from "zod";
import { azureNonce } from "../../shared/attestation/proofs.ts";
import { AgentError } from "../agent-error.ts";
import { base64url, type EvidenceCollector } from "./collector.ts";
import { metadataService } from "./metadata-service.ts";

const AZURE_METADATA = "http://169.254.169.254";
const DOCUMENT_VERSION = "2020-09-01";
const COMPUTE_VERSION = "2021-02-01";

/** Source: Azure Instance Metadata Service, "Attested data". */
const documentSchema = z.object({ encoding: z.literal("pkcs7"), signature: z.string().min(1) });

/** The document by which Azure says which machine this is. */
export interface AzureSource {
  readonly kind: "azure_imds";
  /** Undefined for Azure's own. */
  readonly metadataUrl: URL | undefined;
}

export function azureEvidence({ metadataUrl }: AzureSource): EvidenceCollector {
  const service = metadataService("Azure", metadataUrl ?? new URL(AZURE_METADATA));
  const ask = (path: string, query: Record<string, string>, signal: AbortSignal): Promise<string> =>
    service.ask({ path: `/metadata${path}?${new URLSearchParams(query)}`, headers: { metadata: "true" } }, signal);
  return {
    kind: "azure_imds",
    hello: {},
    async prove({ bind, signal }) {
      const query = { "api-version": DOCUMENT_VERSION, nonce: azureNonce(bind) };
      const { signature } = documentIn(await ask("/attested/document", query, signal));
      const compute = { "api-version": COMPUTE_VERSION, format: "text" };
      const resourceId = (await ask("/instance/compute/resourceId", compute, signal)).trim();
      return { document: base64url(Buffer.from(signature, "base64")), ...(resourceId && { resourceId }) };
    },
  };
}

function documentIn(text: string): z.infer<typeof documentSchema> {
  try {
    return documentSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new AgentError("unusable", "the metadata service of Azure gave no attested document", { cause });
  }
}
