import { z } from "zod";
import { parseIpAddress } from "./domain/ip-address.ts";

/** A setting: an address and how many of its first bits count. */
export const ipRange = z
  .string()
  .refine(isRange, "must be an address and a prefix length, for example 10.0.0.0/8 or fd00::/8");

function isRange(text: string): boolean {
  const [address = "", bits = "", ...rest] = text.split("/");
  const octets = parseIpAddress(address);
  return octets !== undefined && rest.length === 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= octets.length * 8;
}
