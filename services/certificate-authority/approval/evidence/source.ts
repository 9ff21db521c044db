/** A DNS name or an address that a serving certificate is asked for. */
export interface ClaimedName {
  readonly kind: "dns" | "ip";
  /** DNS names in lower case, addresses in canonical text. */
  readonly name: string;
}

/** What a source says about one name of one node. */
export type Showing =
  | {
      readonly isShown: true;
      /** What it rests on, in words. */
      readonly says: string;
      /**
       * Whether an administrator wrote down this very name for this very node: such a name may be one that nobody gets
       * otherwise. What the node itself has a hand in is never exact.
       */
      readonly isExact: boolean;
    }
  | {
      readonly isShown: false;
      readonly says: string;
      /** What would have to be done for the source to show it: a phrase that begins with a verb. */
      readonly cure: string;
    };

/** Something that knows which names and addresses belong to which node. */
export interface EvidenceSource {
  /** The kind of source, as it is configured. */
  readonly name: string;
  /**
   * @returns undefined when it has nothing to say about such names.
   * @throws when it could not be asked; the message is stable, and without secrets.
   */
  show(
    nodeName: string,
    claimed: ClaimedName,
    signal?: AbortSignal,
  ): Showing | undefined | Promise<Showing | undefined>;
  /** Whether there certainly is no such node any more; only of sources that know all nodes. */
  isGone?(nodeName: string): boolean;
  /** Ends what the source does by itself; it is not asked any more. */
  close?(): void;
}
