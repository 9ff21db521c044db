/** The state of the log. */
export interface TreeHead {
  /** Leaves. */
  readonly size: number;
  readonly root: Buffer;
}

/** That an entry is a leaf of a tree. */
export interface InclusionProof extends TreeHead {
  /** Of the entry in the hash chain; its leaf has the place before. */
  readonly sequence: number;
  /** The entry as it is stored, whose octets are the leaf's. */
  readonly payload: string;
  readonly path: readonly Buffer[];
}

/** That a tree begins with an older one. */
export interface ConsistencyProof extends TreeHead {
  readonly from: number;
  readonly path: readonly Buffer[];
}

/** Vouches for states of the log. */
export interface CheckpointSigner {
  /** As C2SP's signed notes have it. */
  readonly publicKey: string;
  /** @returns a checkpoint: the state in a few lines of text, signed. */
  sign(head: TreeHead): string;
}

/** The Merkle tree over the entries of the hash chain: decisions, certificates, and all else that is on it. */
export interface MerkleLog {
  head(): Promise<TreeHead>;
  /** The entry that vouches for a certificate as it is now; by fingerprint or serial, lower-case hex. */
  sequenceOfCertificate(id: string): number | undefined;
  /** In the tree of now; undefined when there is no such entry. */
  proveInclusion(sequence: number): Promise<InclusionProof | undefined>;
  /** Undefined when the tree was never so large. */
  proveConsistency(from: number): Promise<ConsistencyProof | undefined>;
}
