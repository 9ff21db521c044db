import { z } from "zod";

/** The part `approval.guards`: what keeps requests from getting too many, or a node's name from changing hands. */
export const guardsSchema = z
  .strictObject({
    /** A newer request for the same node and signer by the same requester denies the older ones that still wait. */
    supersede: z.boolean().default(true),
    /**
     * How many requests of one requester may wait. High: a bootstrap token that a whole herd shares is one requester, and
     * whoever may use it can fill this.
     */
    pendingPerRequester: z.int().min(1).max(10_000_000).default(20_000),
    /** How many requests for one node may wait; the node's own do not count. */
    pendingPerNode: z.int().min(1).max(10_000_000).default(100),
    /** Certificates of one signer that a node is given in an hour without a person. */
    certificatesPerNodePerHour: z.int().min(1).max(1000).default(60),
    /**
     * What becomes of a request for the client certificate of a node that has one, valid, of another key, when it is not
     * the node who asks: waits for a person, is denied, or is decided by the hooks alone.
     */
    firstJoin: z.enum(["hold", "deny", "allow"]).default("hold"),
  })
  .prefault({});

export type GuardSettings = z.infer<typeof guardsSchema>;
