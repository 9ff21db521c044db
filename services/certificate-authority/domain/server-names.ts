import type { SubjectAltNames } from "./csr-facts.ts";

/** DNS names and addresses as a certificate has them, each once. What reads like an address has to be one. */
export function serverNames(names: readonly string[]): SubjectAltNames {
  const isAddress = (name: string): boolean => /^[0-9.]+$/.test(name) || name.includes(":");
  const unique = [...new Set(names)];
  return {
    dnsNames: unique.filter((name) => !isAddress(name)),
    emailAddresses: [],
    ipAddresses: unique.filter(isAddress),
    uris: [],
  };
}
