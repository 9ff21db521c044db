import { z } from "zod";
import { StatusError } from "../../../shared/status-error.ts";
import type { CheckpointSigner, MerkleLog, TreeHead } from "../../domain/merkle-log.ts";
import { type Call, type Handler, sendBytes, sendJson } from "../call.ts";
import { JSON_TYPE, negotiate } from "../negotiation.ts";
import { toCertificateId } from "./certificates.ts";
import { API_VERSION, resource } from "./resources.ts";
import { readQuery } from "./validation.ts";

const TEXT_TYPE = "text/plain";

const sequence = z
  .string()
  .regex(/^[1-9]\d{0,14}$/, "must be the sequence of an entry, 1 or more; /v1/audit shows them")
  .meta({ type: "integer", minimum: 1 });

/** What `GET /v1/ledger/proof` can be asked: one of both. */
export const proofQuery = z.strictObject({
  sequence: sequence.optional().describe("The entry of this sequence."),
  certificate: z
    .string()
    .min(1, "must not be empty")
    .optional()
    .describe("The entry that vouches for the certificate of this serial or SHA-256 fingerprint as it is now."),
});

/** What `GET /v1/ledger/consistency` can be asked. */
export const consistencyQuery = z.strictObject({
  from: z
    .string()
    .regex(/^(?:0|[1-9]\d{0,14})$/, "must be the size in an older checkpoint")
    .meta({ type: "integer", minimum: 0 })
    .describe("The size in an older checkpoint."),
});

const checkpointText = z.string().describe("A signed note (C2SP tlog-checkpoint): origin, size, root, signature.");
const publicKey = z.string().describe("What the checkpoint is verified with; keep it elsewhere.");
const path = z.array(z.string()).describe("Base64, the lowest first.");

export const ledgerCheckpoint = resource("LedgerCheckpoint", {
  size: z.number().describe("How many entries of the hash chain the tree has."),
  rootHash: z.string().describe("Base64."),
  checkpoint: checkpointText,
  publicKey,
});

export const ledgerProof = resource("LedgerProof", {
  sequence: z.number(),
  entry: z.string().describe("As it is stored; its octets in UTF-8 are the leaf, at place sequence - 1."),
  path: path.describe("RFC 6962 section 2.1.1; base64, the lowest first."),
  checkpoint: checkpointText,
  publicKey,
});

export const ledgerConsistency = resource("LedgerConsistency", {
  from: z.number(),
  path: path.describe("RFC 6962 section 2.1.2; base64."),
  checkpoint: checkpointText,
  publicKey,
});

export interface LedgerProofDependencies {
  readonly merkle: MerkleLog;
  readonly checkpoints: CheckpointSigner;
}

/** Proofs that an entry is in the ledger, and that the ledger was only added to. */
export function ledgerProofHandlers({ merkle, checkpoints }: LedgerProofDependencies): {
  readonly checkpoint: Handler;
  readonly prove: Handler;
  readonly consistency: Handler;
} {
  const signed = (head: TreeHead) => ({ checkpoint: checkpoints.sign(head), publicKey: checkpoints.publicKey });

  async function checkpoint(call: Call): Promise<void> {
    readQuery(z.strictObject({}), call.query);
    const type = negotiate(call.request.headers.accept, [JSON_TYPE, TEXT_TYPE]);
    const head = await merkle.head();
    if (type === TEXT_TYPE) return sendBytes(call.response, 200, TEXT_TYPE, Buffer.from(checkpoints.sign(head)));
    const answer: z.infer<typeof ledgerCheckpoint> = {
      ...{ apiVersion: API_VERSION, kind: "LedgerCheckpoint" },
      ...{ size: head.size, rootHash: head.root.toString("base64"), ...signed(head) },
    };
    sendJson(call.response, 200, answer);
  }

  async function prove(call: Call): Promise<void> {
    negotiate(call.request.headers.accept, [JSON_TYPE]);
    const wanted = wantedEntry(readQuery(proofQuery, call.query));
    const proof = wanted === undefined ? undefined : await merkle.proveInclusion(wanted);
    if (proof === undefined) throw new StatusError("NotFound", "there is no such entry in the ledger");
    const answer: z.infer<typeof ledgerProof> = {
      ...{ apiVersion: API_VERSION, kind: "LedgerProof", sequence: proof.sequence, entry: proof.payload },
      ...{ path: proof.path.map(toBase64), ...signed(proof) },
    };
    sendJson(call.response, 200, answer);
  }

  function wantedEntry({ sequence: given, certificate }: z.output<typeof proofQuery>): number | undefined {
    if ((given === undefined) === (certificate === undefined)) {
      throw new StatusError("BadRequest", "give either sequence or certificate");
    }
    return certificate === undefined ? Number(given) : merkle.sequenceOfCertificate(toCertificateId(certificate));
  }

  async function consistency(call: Call): Promise<void> {
    negotiate(call.request.headers.accept, [JSON_TYPE]);
    const from = Number(readQuery(consistencyQuery, call.query).from);
    const proof = await merkle.proveConsistency(from);
    if (proof === undefined) {
      const message = `the ledger has fewer than ${from} entries: it is not the one of that checkpoint, or was cut off`;
      throw new StatusError("NotFound", message);
    }
    const answer: z.infer<typeof ledgerConsistency> = {
      ...{ apiVersion: API_VERSION, kind: "LedgerConsistency", from },
      ...{ path: proof.path.map(toBase64), ...signed(proof) },
    };
    sendJson(call.response, 200, answer);
  }

  return { checkpoint, prove, consistency };
}

function toBase64(octets: Buffer): string {
  return octets.toString("base64");
}
