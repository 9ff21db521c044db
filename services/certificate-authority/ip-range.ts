import { z } from "zod";
import { isIpRange } from "./domain/ip-range.ts";

/** A setting: an address and how many of its first bits count. */
export const ipRange = z
  .string()
  .refine(isIpRange, "must be an address and a prefix length, for example 10.0.0.0/8 or fd00::/8");
