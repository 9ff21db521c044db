import { createHash } from "node:crypto";
import { SSHPOP_NAMESPACE, sshpopProof } from "../../../shared/attestation/proofs.ts";
import { octetsOf } from "../../../shared/attestation/wire.ts";
import { isDnsSubdomain } from "../../../shared/dns-names.ts";
import { formatIpAddress, parseIpAddress } from "../../domain/ip-address.ts";
import { ReloadedFile } from "../anchors.ts";
import type { Attestor, Evidence, ProofInput } from "../attestor.ts";
import { noHello } from "../no-hello.ts";
import { denied } from "../refusal.ts";
import { type HostCertificate, readHostCertificate } from "./host-certificate.ts";
import type { SshpopSettings } from "./settings.ts";
import { parseSshKeyLines } from "./ssh-key.ts";
import { isSshMessageSignature } from "./ssh-signature.ts";

const SHOWN = /^[\x20-\x7e]{1,128}$/;

/**
 * Proves that the caller can sign, now and for this bind, with a key that a CA of the profile has certified as a host's. The
 * machine is known by that key.
 *
 * It does not prove where the key is: who reads `/etc/ssh` is the machine. Revoked keys (KRL) are not looked up: ban the machine.
 */
export function createSshpopAttestor(settings: SshpopSettings): Attestor {
  const authorities = new ReloadedFile(settings.hostAuthorities, parseSshKeyLines);

  return {
    verify({ hello, proof, bind, now }: ProofInput): Evidence {
      noHello.parse(hello);
      const { certificate: certificateText, signature } = sshpopProof.parse(proof);
      const certificate = readHostCertificate(octetsOf(certificateText));
      if (!authorities.current.some((authority) => authority.equals(certificate.authorityBlob)))
        throw denied("the certificate is by a CA that the profile does not list");
      requireValidity(certificate, now);
      const { key, keyBlob } = certificate;
      const message = { message: bind, namespace: SSHPOP_NAMESPACE, key, keyBlob };
      if (!isSshMessageSignature(octetsOf(signature), message))
        throw denied("the signature is not the certified key's over this challenge");
      return evidenceOf(certificate, settings.domain);
    },
  };
}

function requireValidity({ validAfter, validBefore }: HostCertificate, now: Date): void {
  const seconds = BigInt(Math.floor(now.getTime() / 1000));
  if (seconds < validAfter) throw denied("the certificate is not valid yet");
  if (seconds >= validBefore) throw denied("the certificate has expired");
}

function evidenceOf(certificate: HostCertificate, domain: string | undefined): Evidence {
  const { keyBlob, authorityBlob, keyId, serial } = certificate;
  const principals = [...new Set(certificate.principals)];
  const octets = principals.map(parseIpAddress).filter((address) => address !== undefined);
  // An IPv4 address looks like a name.
  const dnsNames = principals.filter((name) => isDnsSubdomain(name) && parseIpAddress(name) === undefined);
  const [only, ...others] = dnsNames.filter((name) => domain === undefined || name.endsWith(`.${domain}`));
  const keySha256 = sha256(keyBlob);
  return {
    machineId: `ssh:${keySha256}`,
    pins: {},
    fields: {
      key_sha256: keySha256,
      authority_sha256: sha256(authorityBlob),
      serial: serial.toString(),
      ...(SHOWN.test(keyId) && { key_id: keyId }),
      ...(only !== undefined && others.length === 0 && { principal: only }),
    },
    sans: { dnsNames, ipAddresses: octets.map(formatIpAddress).filter((address) => address !== undefined) },
    isFresh: true,
  };
}

function sha256(octets: Buffer): string {
  return createHash("sha256").update(octets).digest("hex");
}
