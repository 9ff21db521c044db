import { z } from "zod";
import { HASH_OCTETS } from "../../../shared/tpm/algorithms.ts";
import {
  PCR_BANKS,
  PCR_NUMBER,
  type PcrSelection,
  type PcrValues,
  selectedPcrs,
} from "../../../shared/tpm/pcr-selection.ts";
import { denied } from "../refusal.ts";
import { type EventLog, initialValue, replay } from "./event-log.ts";

const LAST_DIGEST_OF_BANK = 4096;

/** PCR number to the digests that are allowed, in hex. */
const allowed = (octets: number) =>
  z.record(
    z.string().regex(PCR_NUMBER, "a PCR is a number from 0 to 23"),
    z
      .array(z.string().regex(new RegExp(`^[0-9a-fA-F]{${octets * 2}}$`), `a digest has ${octets} octets, in hex`))
      .min(1)
      .max(LAST_DIGEST_OF_BANK),
  );
const banks = z.strictObject({
  sha256: allowed(HASH_OCTETS.sha256).optional(),
  sha384: allowed(HASH_OCTETS.sha384).optional(),
});

/**
 * What PCRs may be. `values`: each PCR that is named has one of its values. `digests`: whatever the event log says was
 * measured into a PCR that is named is one of its digests; that survives reordering, and updates of one component.
 */
const pcrPolicySchema = z.strictObject({ values: banks.optional(), digests: banks.optional() });

interface PcrRule {
  readonly bank: (typeof PCR_BANKS)[number];
  readonly pcr: number;
  /** In hex. */
  readonly allowed: ReadonlySet<string>;
}

export interface PcrPolicy {
  readonly values: readonly PcrRule[];
  readonly digests: readonly PcrRule[];
}

/** The last PCR that firmware and boot loaders alone extend; others are the operating system's, which keeps its own logs. */
const LAST_LOGGED_PCR = 9;

/**
 * @param selection - what is quoted: a rule about anything else could never be kept.
 * @throws {Error} naming what is wrong with it.
 */
export function parsePcrPolicy(json: Buffer, selection: PcrSelection, hasEventLog: boolean): PcrPolicy {
  const parsed = pcrPolicySchema.safeParse(JSON.parse(json.toString("utf8")));
  if (!parsed.success) throw new Error(z.prettifyError(parsed.error));
  const policy = { values: rulesOf(parsed.data.values), digests: rulesOf(parsed.data.digests) };
  if (policy.values.length + policy.digests.length === 0) throw new Error("it holds no rule");
  for (const { bank, pcr } of [...policy.values, ...policy.digests])
    if (!(selection[bank] ?? []).includes(pcr)) throw new Error(`${bank}:${pcr} is not among the profile's pcrs`);
  for (const { bank, pcr } of policy.digests)
    if (!hasEventLog || pcr > LAST_LOGGED_PCR)
      throw new Error(`digests of ${bank}:${pcr} need eventLog: required, which explains PCRs 0 to ${LAST_LOGGED_PCR}`);
  return policy;
}

function rulesOf(byBank: z.infer<typeof banks> | undefined): readonly PcrRule[] {
  return PCR_BANKS.flatMap((bank) =>
    Object.entries(byBank?.[bank] ?? {}).map(([pcr, digests]) => ({
      bank,
      pcr: Number(pcr),
      allowed: new Set(digests.map((digest) => digest.toLowerCase())),
    })),
  );
}

/** @throws {AttestationRefusal} naming the first PCR whose value is none that is allowed. */
export function judgeValues({ values: rules }: PcrPolicy, values: PcrValues): void {
  for (const { bank, pcr, allowed: digests } of rules) {
    const value = values.get(bank)?.get(pcr)?.toString("hex") ?? "";
    if (!digests.has(value)) throw denied(`PCR ${bank}:${pcr} is ${value}, which the policy does not allow`);
  }
}

/** @throws {AttestationRefusal} when the log does not explain what was quoted. */
export function judgeReplay(log: EventLog, selection: PcrSelection, values: PcrValues): void {
  const replayed = replay(log);
  for (const { bank, number } of selectedPcrs(selection)) {
    if (number > LAST_LOGGED_PCR) continue;
    const explained = replayed.get(bank)?.get(number) ?? initialValue(number, HASH_OCTETS[bank], log.startupLocality);
    if (!values.get(bank)?.get(number)?.equals(explained))
      throw denied(`the event log does not explain the value of PCR ${bank}:${number}`);
  }
}

/** After `judgeReplay`: before it the log is only a claim. @throws {AttestationRefusal} naming a digest that is not allowed. */
export function judgeDigests({ digests: rules }: PcrPolicy, { events }: EventLog): void {
  for (const { bank, pcr, allowed: digests } of rules) {
    for (const event of events) {
      const digest = event.pcr === pcr ? event.digests.get(bank)?.toString("hex") : undefined;
      if (digest !== undefined && !digests.has(digest))
        throw denied(`${digest} was measured into PCR ${bank}:${pcr}, which the policy does not allow`);
    }
  }
}
