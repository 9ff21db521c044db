import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { writeFileDurably } from "../../shared/durable-file.ts";
import { readPrivateKey } from "../certificates/private-key.ts";

const CURVE = "prime256v1";

/**
 * The key of a request that has no certificate yet. It lies where a kubelet keeps it, and leads to the same request, so
 * that whoever comes next goes on: this command, or a kubelet.
 *
 * Source: kubernetes pkg/kubelet/certificate/bootstrap/bootstrap.go (tmpPrivateKeyFile).
 */
export function pendingKey(certificateDirectory: string) {
  const path = join(certificateDirectory, "kubelet-client.key.tmp");
  return {
    /** The key that is there, or a new one that is then there. One of another kind is replaced, as kubelets do. */
    async obtain(): Promise<KeyObject> {
      const found = await read(path);
      if (found !== undefined) return found;
      const key = generateKeyPairSync("ec", { namedCurve: CURVE }).privateKey;
      await writeFileDurably(path, ecKeyPem(key), { mode: 0o600, existing: "replaced" });
      return key;
    },
    remove: () => rm(path, { force: true }),
  };
}

/** As kubelets write keys (RFC 5915). */
export function ecKeyPem(key: KeyObject): string {
  return key.export({ type: "sec1", format: "pem" }).toString();
}

async function read(path: string): Promise<KeyObject | undefined> {
  const pem = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (pem === undefined) return undefined;
  try {
    const key = readPrivateKey(pem, path);
    return key.asymmetricKeyDetails?.namedCurve === CURVE ? key : undefined;
  } catch {
    return undefined;
  }
}
