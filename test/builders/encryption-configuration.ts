import { chmodSync, writeFileSync } from "node:fs";
import { stringify } from "yaml";

export type LocalProvider = "aesgcm" | "aescbc" | "secretbox";

/** A key whose octets are all `fill`, as it stands in an EncryptionConfiguration. */
export function configuredKey(name: string, fill: number, length = 32): { name: string; secret: string } {
  return { name, secret: Buffer.alloc(length, fill).toString("base64") };
}

/** One provider with keys called `key-<fill>`. */
export function localProvider(provider: LocalProvider, ...fills: readonly number[]) {
  return { [provider]: { keys: fills.map((fill) => configuredKey(`key-${fill}`, fill)) } };
}

export const IDENTITY = { identity: {} };

/** The text of an EncryptionConfiguration whose providers cover the issuers' keys. */
export function encryptionConfiguration(...providers: readonly object[]): string {
  return stringify({
    apiVersion: "apiserver.config.k8s.io/v1",
    kind: "EncryptionConfiguration",
    resources: [{ resources: ["gatehouse.dev/issuers"], providers }],
  });
}

/** Writes it as a file that only its owner may read. */
export function writeEncryptionConfiguration(path: string, ...providers: readonly object[]): void {
  writeFileSync(path, encryptionConfiguration(...providers));
  chmodSync(path, 0o600);
}
