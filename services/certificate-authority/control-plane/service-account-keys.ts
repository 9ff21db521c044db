import { createPublicKey } from "node:crypto";
import { join } from "node:path";
import { PRIVATE, readContent, writeContent } from "./file-content.ts";
import { readKeyPem } from "./key-pem.ts";

/** What is to be done about `sa.key` and `sa.pub`. */
export type ServiceAccountPlan =
  | { readonly kind: "keep" }
  | { readonly kind: "make" }
  /** The private key is there and says what the public one is. */
  | { readonly kind: "derivePublicKey"; readonly publicKeyPem: string }
  | { readonly kind: "refuse"; readonly problem: string };

/** Looks at the keys that service account tokens are signed and verified with. They are never renewed: tokens would die. */
export async function planServiceAccountKeys(directory: string): Promise<ServiceAccountPlan> {
  const [keyFile, publicFile] = [join(directory, "sa.key"), join(directory, "sa.pub")];
  const [keyPem, publicPem] = await Promise.all([readContent(keyFile), readContent(publicFile)]);
  if (keyPem === undefined) {
    if (publicPem === undefined) return { kind: "make" };
    return refuse(`${publicFile} is there without ${keyFile}; bring the key back, or move ${publicFile} away`);
  }
  const reading = readKeyPem(keyPem);
  if (reading.kind === "unusable") return refuse(`${keyFile} ${reading.problem}; restore it, or move it away`);
  const expected = createPublicKey(reading.key);
  if (publicPem === undefined)
    return { kind: "derivePublicKey", publicKeyPem: expected.export({ format: "pem", type: "spki" }) as string };
  if (isPublicKey(publicPem, expected)) return { kind: "keep" };
  return refuse(
    `${publicFile} is not the public half of ${keyFile}; move ${publicFile} away, it is made anew from the key`,
  );
}

/** @param keyPem - a new private key, for a plan that says `make`. */
export async function writeServiceAccountKeys(directory: string, keyPem: string): Promise<void> {
  await writeContent(join(directory, "sa.key"), keyPem, { mode: PRIVATE, existing: "kept" });
  await writePublicKey(directory, createPublicKey(keyPem).export({ format: "pem", type: "spki" }) as string);
}

export async function writePublicKey(directory: string, publicKeyPem: string): Promise<void> {
  await writeContent(join(directory, "sa.pub"), publicKeyPem, { mode: PRIVATE, existing: "kept" });
}

function isPublicKey(pem: string, expected: ReturnType<typeof createPublicKey>): boolean {
  try {
    return createPublicKey(pem).equals(expected);
  } catch {
    return false;
  }
}

function refuse(problem: string): ServiceAccountPlan {
  return { kind: "refuse", problem };
}
