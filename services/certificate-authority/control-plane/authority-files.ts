import { X509Certificate } from "node:crypto";
import { join } from "node:path";
import { AUTHORITY_PATHS, type ControlPlaneAuthority } from "../domain/control-plane.ts";
import type { ActiveIssuer } from "../domain/issuer.ts";
import { PRIVATE, PUBLIC, readContent, writeContent } from "./file-content.ts";
import { readKeyPem } from "./key-pem.ts";

/** A CA of a control plane, whose key is in custody. */
export interface ControlPlaneIssuer {
  readonly authority: ControlPlaneAuthority;
  readonly issuer: ActiveIssuer;
  /** What goes into `ca.crt`: the root above the issuer, or itself. */
  readonly anchorPem: string;
  /** @returns the private key as kubeadm writes it. @throws {PkiError} when custody or kubeadm do not allow that. */
  exportKeyPem(): string;
}

/** What is to be done about a CA's files. */
export interface AuthorityPlan {
  readonly path: string;
  readonly isCertificateThere: boolean;
  readonly isKeyThere: boolean;
  readonly problems: readonly string[];
}

/** @param isExternal - the keys of CAs stay in custody; then there must be none in the directory either. */
export async function planAuthority(
  directory: string,
  { authority, anchorPem }: ControlPlaneIssuer,
  isExternal: boolean,
): Promise<AuthorityPlan> {
  const path = join(directory, AUTHORITY_PATHS[authority]);
  const [foundPem, keyPem] = await Promise.all([readContent(`${path}.crt`), readContent(`${path}.key`)]);
  const anchor = new X509Certificate(anchorPem);
  const problems: string[] = [];
  if (foundPem !== undefined && !isCertificate(foundPem, anchor))
    problems.push(
      `${path}.crt is not the CA of this data directory (${anchor.fingerprint256}); move it away, ` +
        "or import that CA with its key (issuer.import)",
    );
  if (keyPem !== undefined && isExternal)
    problems.push(`${path}.key is there, but with --external-ca keys of CAs stay in custody; remove ${path}.key`);
  else if (keyPem !== undefined && !isKeyOf(keyPem, anchor))
    problems.push(`${path}.key is not the key of ${path}.crt; move it away, it is written anew`);
  return { path, isCertificateThere: foundPem !== undefined, isKeyThere: keyPem !== undefined, problems };
}

/** Writes what is missing. @param keyPem - undefined when the key stays in custody. */
export async function writeAuthority(
  { path, isCertificateThere, isKeyThere }: AuthorityPlan,
  anchorPem: string,
  keyPem: string | undefined,
): Promise<void> {
  if (!isKeyThere && keyPem !== undefined)
    await writeContent(`${path}.key`, keyPem, { mode: PRIVATE, existing: "kept" });
  if (!isCertificateThere) await writeContent(`${path}.crt`, anchorPem, { mode: PUBLIC, existing: "kept" });
}

function isCertificate(pem: string, expected: X509Certificate): boolean {
  try {
    return new X509Certificate(pem).raw.equals(expected.raw);
  } catch {
    return false;
  }
}

function isKeyOf(keyPem: string, certificate: X509Certificate): boolean {
  const reading = readKeyPem(keyPem);
  return reading.kind === "key" && certificate.checkPrivateKey(reading.key);
}
