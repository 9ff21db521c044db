import { z } from "zod";
import { PCR_BANKS, PCR_COUNT } from "../../../shared/tpm/pcr-selection.ts";
import { ENDORSEMENT_TEMPLATES } from "../../../shared/tpm/templates.ts";

const path = z.string().min(1);
const pcrs = z
  .array(z.int().min(0).lt(PCR_COUNT))
  .min(1)
  .refine((numbers) => new Set(numbers).size === numbers.length, "a PCR is listed twice");

/** What a machine's boot leaves in PCRs: firmware, its settings, the boot loader and Secure Boot. */
const FIRMWARE_PCRS = [0, 1, 2, 3, 4, 5, 6, 7];

/** A TPM 2.0 whose vendor is trusted, or whose endorsement key is enrolled. Paths are absolute once resolved. */
export const tpm2Shape = {
  attestor: z.literal("tpm2"),
  /** Vendors' CAs: a PEM file, or a directory of PEM and DER files. Needed unless `allowUncertifiedEk`. */
  ekRoots: path.optional(),
  /** CAs between those and endorsement keys that machines do not send themselves; not trusted by themselves. */
  ekIntermediates: path.optional(),
  /** Less safe: takes endorsement keys without certificate of machines that are enrolled by the hash of that key. */
  allowUncertifiedEk: z.boolean().default(false),
  /** Which endorsement keys. One TPM has one of each: whoever counts machines allows one. */
  ekTemplates: z
    .array(z.enum(ENDORSEMENT_TEMPLATES.map(({ name }) => name)))
    .min(1)
    .default(ENDORSEMENT_TEMPLATES.map(({ name }) => name)),
  /** Bank to the PCRs that a quote has to be over. */
  pcrs: z
    .partialRecord(z.enum(PCR_BANKS), pcrs)
    .refine((banks) => Object.keys(banks).length > 0, "at least one bank is needed")
    .default({ sha256: FIRMWARE_PCRS }),
  /** JSON file of what they may be; see `pcrPolicySchema`. Without it they are recorded and not judged. */
  pcrPolicy: path.optional(),
  /** Whether the firmware's log has to come with the quote, and to explain PCRs 0 to 9. */
  eventLog: z.enum(["none", "required"]).default("none"),
};

const settings = z.strictObject(tpm2Shape);
export type Tpm2Settings = z.infer<typeof settings>;

/** What is wrong with settings whose keys are right each by itself: the key, and why. */
export function tpm2SettingsProblem({
  ekRoots,
  allowUncertifiedEk,
}: Tpm2Settings): readonly [string, string] | undefined {
  if (ekRoots !== undefined || allowUncertifiedEk) return undefined;
  return ["ekRoots", "name the CAs of TPM vendors, or allow machines that are enrolled by allowUncertifiedEk: true"];
}

/** @param resolve - makes a path of the configuration file absolute. */
export function resolveTpm2Paths<T extends Tpm2Settings>(settings: T, resolve: (path: string) => string): T {
  const { ekRoots, ekIntermediates, pcrPolicy } = settings;
  return {
    ...settings,
    ...(ekRoots !== undefined && { ekRoots: resolve(ekRoots) }),
    ...(ekIntermediates !== undefined && { ekIntermediates: resolve(ekIntermediates) }),
    ...(pcrPolicy !== undefined && { pcrPolicy: resolve(pcrPolicy) }),
  };
}
