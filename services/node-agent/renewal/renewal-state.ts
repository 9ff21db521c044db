import type { KeyObject } from "node:crypto";
import { readFile, rm } from "node:fs/promises";
import { z } from "zod";
import { writeFileDurably } from "../../shared/durable-file.ts";
import { AgentError } from "../agent-error.ts";
import { privateKeyPem, readPrivateKey } from "../certificates/private-key.ts";

const stateSchema = z.strictObject({
  requestName: z.string(),
  requestUid: z.string(),
  keyPem: z.string(),
  /** What came, until it has been put in its place. */
  chainPem: z.string().optional(),
});

/** A renewal that has begun: its request, the key that is only here, and the certificate once it came. */
export interface RenewalState {
  readonly requestName: string;
  readonly requestUid: string;
  readonly key: KeyObject;
  readonly chainPem: string | undefined;
}

/**
 * What a renewal keeps beside the certificate, so that one that was killed or gave up waiting is gone on with: with the
 * same request where it waited, with the same files where it was putting them in their places.
 */
export function renewalState(certificateFile: string) {
  const path = `${certificateFile}.renewal`;
  return {
    path,
    /** @throws {AgentError} `unusable` when the file is not ours. */
    async read(): Promise<RenewalState | undefined> {
      const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") return undefined;
        throw new AgentError("unusable", `cannot read ${path}: ${error.message}`, { cause: error });
      });
      if (text === undefined) return undefined;
      const { requestName, requestUid, keyPem, chainPem } = parse(text, path);
      return { requestName, requestUid, key: readPrivateKey(keyPem, path), chainPem };
    },
    async write({ requestName, requestUid, key, chainPem }: RenewalState): Promise<void> {
      const text = JSON.stringify({ requestName, requestUid, keyPem: privateKeyPem(key), chainPem });
      await writeFileDurably(path, `${text}\n`, { mode: 0o600, existing: "replaced" });
    },
    remove: () => rm(path, { force: true }),
  };
}

function parse(text: string, path: string): z.infer<typeof stateSchema> {
  try {
    return stateSchema.parse(JSON.parse(text));
  } catch {
    // What a parser says may quote the key.
    throw new AgentError("unusable", `${path} is not what a renewal leaves behind; remove it to begin anew`);
  }
}
