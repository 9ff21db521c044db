import { createHash, type X509Certificate } from "node:crypto";
import { isPossessed } from "../../../shared/attestation/possession.ts";
import { x509popProof } from "../../../shared/attestation/proofs.ts";
import { octetsOf } from "../../../shared/attestation/wire.ts";
import { isDnsSubdomain } from "../../../shared/dns-names.ts";
import { formatIpAddress, parseIpAddress } from "../../domain/ip-address.ts";
import { CertificateAnchors } from "../anchors.ts";
import type { Attestor, Evidence, ProofInput } from "../attestor.ts";
import {
  type AlternativeNames,
  ANY_POLICY,
  alternativeNamesOf,
  objectIdentifierHex,
  outlineOf,
  policiesOf,
  subjectSerialNumber,
} from "../certificate-contents.ts";
import { DIGITAL_SIGNATURE, EXTENSION, readExtensions } from "../certificate-extensions.ts";
import { type VerifiedPath, verifyPath } from "../certificate-path.ts";
import { noHello } from "../no-hello.ts";
import { denied } from "../refusal.ts";
import { RevocationLists } from "./revocation-lists.ts";
import type { X509popSettings } from "./settings.ts";

const VISIBLE = /^[\x21-\x7e]{1,128}$/;

/**
 * Proves that the caller can sign, now and for this bind, with the key of a certificate that leads to a root of the profile, is
 * marked for this purpose and, with `revocationLists`, not revoked. The machine is known by its key: a renewed certificate of
 * the same key is the same machine.
 *
 * It does not prove where the key is: who has copied it off a disk is the machine. Names are what that CA has written into the
 * certificate.
 */
export function createX509popAttestor(settings: X509popSettings): Attestor {
  const { purpose, requireClientAddress } = settings;
  const anchors = new CertificateAnchors(settings.roots);
  const lists = settings.revocationLists && new RevocationLists(settings.revocationLists);
  const policy = purpose.policy === undefined ? undefined : objectIdentifierHex(purpose.policy);

  return {
    verify({ hello, proof, bind, now, clientAddress }: ProofInput): Evidence {
      noHello.parse(hello);
      const { chain, signature } = x509popProof.parse(proof);
      const path = verifyPath(chain.map(octetsOf), {
        anchors: anchors.current,
        now,
        keyUsage: DIGITAL_SIGNATURE,
        ...(purpose.extendedKeyUsage !== undefined && { extendedKeyUsage: purpose.extendedKeyUsage }),
        understood: policy === undefined ? [] : [EXTENSION.certificatePolicies],
      });
      if (policy !== undefined) requirePolicy(path, policy);
      if (!isPossessed(path.leaf.publicKey, "x509pop", bind, octetsOf(signature)))
        throw denied("the signature is not the certificate's key's over this challenge");
      lists?.requireUnrevoked(path.certificates, now);
      const names = alternativeNamesOf(path.leafExtensions);
      if (requireClientAddress) requireAddress(names, clientAddress);
      return evidenceOf(path, names);
    },
  };
}

/** Without policy mappings: each has to assert the policy by its own name. Source: RFC 5280 section 6.1.3 (d). */
function requirePolicy({ leafExtensions, certificates }: VerifiedPath, policy: string): void {
  const authorities = certificates.slice(1, -1).map((certificate) => policiesOf(readExtensions(certificate)));
  if (!policiesOf(leafExtensions).includes(policy))
    throw denied("the certificate does not assert the profile's policy");
  if (!authorities.every((policies) => policies.includes(policy) || policies.includes(ANY_POLICY)))
    throw denied("a CA on the way does not assert the profile's policy");
}

function requireAddress({ ipAddresses }: AlternativeNames, clientAddress: string): void {
  const octets = parseIpAddress(clientAddress);
  const address = octets && formatIpAddress(octets);
  if (address === undefined || !ipAddresses.includes(address))
    throw denied(`the certificate does not name ${JSON.stringify(clientAddress)}, where the connection comes from`);
}

function evidenceOf({ leaf }: VerifiedPath, { dnsNames, ipAddresses, hardwareSerials }: AlternativeNames): Evidence {
  const keySha256 = sha256(leaf.publicKey.export({ type: "spki", format: "der" }));
  const [onlyName, ...otherNames] = dnsNames;
  const [onlySerial, ...otherSerials] = hardwareSerials;
  const serialText = onlySerial?.toString("latin1") ?? "";
  const fields = {
    certificate_sha256: sha256(leaf.raw),
    key_sha256: keySha256,
    dns_san: otherNames.length === 0 ? onlyName : undefined,
    subject_serial_number: subjectSerialNumber(outlineOf(leaf).subjectDer),
    ...(otherSerials.length === 0 && {
      hardware_serial: VISIBLE.test(serialText) ? serialText : undefined,
      hardware_serial_hex: onlySerial?.toString("hex"),
    }),
  };
  return {
    machineId: `x509:${keySha256}`,
    pins: {},
    fields: Object.fromEntries(Object.entries(fields).filter((entry): entry is [string, string] => !!entry[1])),
    sans: { dnsNames: dnsNames.map((name) => name.toLowerCase()).filter(isDnsSubdomain), ipAddresses },
    isFresh: true,
  };
}

function sha256(octets: X509Certificate["raw"]): string {
  return createHash("sha256").update(octets).digest("hex");
}
