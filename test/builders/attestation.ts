import { randomUUID } from "node:crypto";
import type { AttestationGrant, VerifiedAttestation } from "../../services/certificate-authority/domain/attestation.ts";

/** An attestation of machine `m-1` for `node-1` that was verified. */
export function verifiedAttestation(changes: Partial<VerifiedAttestation> = {}): VerifiedAttestation {
  return {
    attestor: "x509pop",
    profile: "dc",
    machineId: "m-1",
    nodeName: "node-1",
    pins: { key: "a" },
    fields: { dns_san: "node-1.example" },
    names: { dnsNames: ["node-1.example"], ipAddresses: ["10.0.0.1"] },
    evidenceSha256: "ab".repeat(32),
    isFresh: true,
    launchedAt: undefined,
    mustBeEnrolled: false,
    isNameTemplated: true,
    replaces: undefined,
    consumesToken: undefined,
    ...changes,
  };
}

/** A credential of a new binding, good for ten minutes from `now`. */
export function attestationGrant(now: Date, id: string = randomUUID()): AttestationGrant {
  const expiresAt = new Date(now.getTime() + 600_000);
  return {
    bindingId: randomUUID(),
    certificate: undefined,
    credential: { id, kind: "clientCert", spkiSha256: "cd".repeat(32), expiresAt },
  };
}
