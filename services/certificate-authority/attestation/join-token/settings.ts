import { z } from "zod";

/** A token that an administrator made for one node: `gatehouse token create --for attestation --node NAME`. */
export const joinTokenShape = {
  attestor: z.literal("join_token"),
};
