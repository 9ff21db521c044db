import { KeyObject, X509Certificate } from "node:crypto";
import type { Clock } from "../shared/clock.ts";
import type { ControlPlaneIssuer } from "./control-plane/authority-files.ts";
import { keyPemOf } from "./control-plane/key-pem.ts";
import { PkiError } from "./control-plane/pki-error.ts";
import type { Custody, LoadedIssuer } from "./custody/custody.ts";
import {
  type ControlPlaneAuthority,
  type ControlPlaneSettings,
  controlPlaneAuthorities,
  controlPlaneIssuerName,
} from "./domain/control-plane.ts";
import type { ActiveIssuer, KeyAlgorithm } from "./domain/issuer.ts";
import { mlDsaSetOf } from "./domain/ml-dsa.ts";
import type { Issuers } from "./domain/ports.ts";
import { ancestorsOf } from "./domain/trust.ts";
import type { LiveIssuers } from "./live-issuers.ts";
import type { SignerOptions } from "./signer/signer.ts";

type SigningIssuer = SignerOptions["issuers"][number];
type OwnAuthority = Exclude<ControlPlaneAuthority, "ca">;

const KUBELET_CLIENT = "kubernetes.io/kube-apiserver-client-kubelet";
const KUBELET_SERVING = "kubernetes.io/kubelet-serving";

export interface ControlPlaneIssuersWish extends Pick<ControlPlaneSettings, "clusterName" | "etcd"> {
  readonly isExternal: boolean;
  /** CAs that are not on record are made. */
  readonly isMaking: boolean;
  /** Of CAs that are made. */
  readonly keyAlgorithm: KeyAlgorithm;
}

interface Dependencies {
  readonly live: LiveIssuers;
  readonly custody: Custody;
  readonly issuers: Issuers;
  readonly clock: Clock;
}

/** The CAs of a control plane, and what the signing room needs of them. */
export interface ControlPlaneIssuers {
  readonly issuers: readonly [ControlPlaneIssuer, ...ControlPlaneIssuer[]];
  readonly signing: readonly SigningIssuer[];
}

/**
 * Finds the CAs of a control plane: the one that signs kubelets, so that control plane and nodes trust one CA, and those
 * of its own for the front proxy and etcd, which are made when they are not there and recorded before they sign.
 *
 * @throws {PkiError} when the issuers of the configuration cannot be a control plane's.
 */
export async function controlPlaneIssuers(
  wish: ControlPlaneIssuersWish,
  deps: Dependencies,
): Promise<ControlPlaneIssuers> {
  const cluster = await clusterIssuer(wish, deps);
  const own: ControlPlaneIssuer[] = [];
  const signing: SigningIssuer[] = [...deps.live.directory.signing];
  for (const authority of controlPlaneAuthorities(wish.etcd)) {
    if (authority === "ca") continue;
    const loaded = await ownIssuer(authority, wish, deps);
    own.push(toControlPlaneIssuer(authority, rootIssuer(loaded), loaded.description.certificatePem, loaded.privateKey));
    signing.push({ certificateDer: loaded.description.certificateDer, privateKey: loaded.privateKey });
  }
  return { issuers: [cluster, ...own], signing };
}

async function clusterIssuer({ isExternal }: ControlPlaneIssuersWish, deps: Dependencies): Promise<ControlPlaneIssuer> {
  const issuer = readyIssuer(KUBELET_CLIENT, deps);
  const anchorPem = await anchorOf(issuer, deps);
  requireReadable(issuer, anchorPem);
  if ((await anchorOf(readyIssuer(KUBELET_SERVING, deps), deps)) !== anchorPem)
    throw new PkiError([
      `the certificates of ${KUBELET_CLIENT} and ${KUBELET_SERVING} have different roots, but a control plane trusts ` +
        "one; name issuers under the same root for them (signers)",
    ]);
  if (!isExternal && anchorPem !== issuer.description.certificatePem)
    throw new PkiError([
      `the issuer ${JSON.stringify(issuer.description.commonName)} is an intermediate, which kubeadm cannot use with its key; ` +
        "keep the key in custody with --external-ca",
    ]);
  const { description } = issuer;
  const signing = deps.live.directory.signing.find(({ certificateDer }) =>
    Buffer.from(certificateDer).equals(description.certificateDer),
  );
  return toControlPlaneIssuer("ca", issuer, anchorPem, signing?.privateKey);
}

/** A control plane that cannot verify its own certificates would not even start. */
function requireReadable({ description, chainPem }: ActiveIssuer, anchorPem: string): void {
  const line = [description.certificatePem, ...ancestorsOf({ ancestorsPem: chainPem }), anchorPem];
  const kinds = line.map((pem) => String(new X509Certificate(pem).publicKey.asymmetricKeyType));
  const kind = kinds.find((one) => mlDsaSetOf(one) !== undefined);
  if (kind === undefined) return;
  throw new PkiError([
    `the CA ${JSON.stringify(description.commonName)}, or one above it, has a key of ${kind}, which Kubernetes up to 1.36 cannot ` +
      "verify; name an issuer of another keyAlgorithm for the signers of kubelets",
  ]);
}

function readyIssuer(signerName: string, { live }: Dependencies): ActiveIssuer {
  const availability = live.issuerFor(signerName);
  if (availability.kind === "awaited") throw new PkiError([availability.message]);
  return availability.issuer;
}

/** The root above an issuer, or itself when none is known. */
async function anchorOf({ description }: ActiveIssuer, { issuers }: Dependencies): Promise<string> {
  const record = (await issuers.list()).find(({ id }) => id === description.id);
  const root = record === undefined ? undefined : ancestorsOf(record).at(-1);
  return root === undefined ? description.certificatePem : `${root.trim()}\n`;
}

async function ownIssuer(
  authority: OwnAuthority,
  { clusterName, isMaking, keyAlgorithm: algorithm }: ControlPlaneIssuersWish,
  { custody, issuers, clock }: Dependencies,
): Promise<LoadedIssuer> {
  const name = controlPlaneIssuerName(clusterName, authority);
  const now = clock.now();
  const record = (await issuers.list()).find((issuer) => issuer.name === name && issuer.slot === "active");
  if (record !== undefined) return custody.loadIssuer(record.id, now);
  if (!isMaking)
    throw new PkiError([
      `there is no CA ${JSON.stringify(name)} on record; make the control plane of ${JSON.stringify(clusterName)} with ` +
        "gatehouse pki init",
    ]);
  const made = await custody.createIssuer({ commonName: authority, algorithm, now });
  const common = { name, ancestorsPem: "", slot: "active", origin: "generated", createdAt: now } as const;
  await issuers.record({ ...made.description, ...common });
  return made;
}

function rootIssuer({ description }: LoadedIssuer): ActiveIssuer {
  return { description, chainPem: "", notAfter: description.notAfter, constraints: [], isRemote: false };
}

function toControlPlaneIssuer(
  authority: ControlPlaneAuthority,
  issuer: ActiveIssuer,
  anchorPem: string,
  privateKey: SigningIssuer["privateKey"] | undefined,
): ControlPlaneIssuer {
  return { authority, issuer, anchorPem, exportKeyPem: () => exportKeyPem(issuer, privateKey) };
}

function exportKeyPem({ description }: ActiveIssuer, privateKey: SigningIssuer["privateKey"] | undefined): string {
  const name = JSON.stringify(description.commonName);
  if (!(privateKey instanceof KeyObject))
    throw new PkiError([`the key of the CA ${name} cannot leave its token; keep it there with --external-ca`]);
  if (privateKey.asymmetricKeyType !== "rsa" && privateKey.asymmetricKeyType !== "ec")
    throw new PkiError([
      `the key of the CA ${name} is of a kind that kubeadm does not take (${privateKey.asymmetricKeyType}); ` +
        "keep it in custody with --external-ca",
    ]);
  return keyPemOf(privateKey);
}
