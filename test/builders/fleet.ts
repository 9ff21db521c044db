import type { FleetColumns } from "../../services/certificate-authority/domain/fleet.ts";

export interface HolderArguments {
  readonly name: string;
  readonly signerName?: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly id?: number;
  readonly isNode?: boolean;
}

export const CLIENT_SIGNER = "kubernetes.io/kube-apiserver-client-kubelet";

/** A fleet as a scan of the ledger finds it; identifiers are the places in the list unless given. */
export function fleetOf(holders: readonly HolderArguments[], observedAt: Date): FleetColumns {
  const all = holders
    .map((holder, place) => ({ signerName: CLIENT_SIGNER, id: place + 1, isNode: true, ...holder }))
    .toSorted((a, b) => a.notAfter.getTime() - b.notAfter.getTime() || a.id - b.id);
  const signerNames = [...new Set(all.map(({ signerName }) => signerName))];
  const names = all.map(({ name }) => Buffer.from(name));
  let end = 0;
  return {
    signerNames,
    signers: Uint16Array.from(all, ({ signerName }) => signerNames.indexOf(signerName)),
    notBefore: Float64Array.from(all, ({ notBefore }) => notBefore.getTime()),
    notAfter: Float64Array.from(all, ({ notAfter }) => notAfter.getTime()),
    ids: Float64Array.from(all, ({ id }) => id),
    fingerprints: Uint8Array.from(all.flatMap(({ id }) => new Array<number>(32).fill(id % 256))),
    names: new Uint8Array(Buffer.concat(names)),
    nameEnds: Uint32Array.from(names, (name) => {
      end += name.length;
      return end;
    }),
    namesHashes: Uint32Array.from(all, ({ isNode }) => (isNode ? 0 : 7)),
    isNode: Uint8Array.from(all, ({ isNode }) => (isNode ? 1 : 0)),
    isCut: false,
    observedAt,
  };
}
