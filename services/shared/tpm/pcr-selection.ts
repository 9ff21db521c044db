import { createHash } from "node:crypto";
import { ALGORITHM, type TpmHash } from "./algorithms.ts";
import { uint8, uint16, uint32 } from "./tpm-writer.ts";

/** The banks that are quoted, in the order in which they are. */
export const PCR_BANKS = ["sha256", "sha384"] as const;
export type PcrBank = (typeof PCR_BANKS)[number];

/** Bank to the numbers of its PCRs. */
export type PcrSelection = Readonly<Partial<Record<PcrBank, readonly number[]>>>;
/** Bank to number to value. */
export type PcrValues = ReadonlyMap<PcrBank, ReadonlyMap<number, Buffer>>;

/** PCRs of a bank. */
export const PCR_COUNT = 24;
/** The number of one, as a key of JSON. */
export const PCR_NUMBER = /^([0-9]|1[0-9]|2[0-3])$/;

/** Bank and number of each PCR, banks in the order of `PCR_BANKS`, numbers ascending, each once. */
export function selectedPcrs(selection: PcrSelection): readonly { readonly bank: PcrBank; readonly number: number }[] {
  return PCR_BANKS.flatMap((bank) =>
    [...new Set(selection[bank])].sort((one, other) => one - other).map((number) => ({ bank, number })),
  );
}

/** TPML_PCR_SELECTION with 24 bits a bank. Source: TPM 2.0 Library specification, part 2, sections 10.6.2 and 10.9.7. */
export function encodePcrSelection(selection: PcrSelection): Buffer {
  const banks = PCR_BANKS.filter((bank) => (selection[bank] ?? []).length > 0);
  const entries = banks.map((bank) => {
    const bits = Buffer.alloc(PCR_COUNT / 8);
    for (const number of selection[bank] ?? []) bits[number >> 3] = (bits[number >> 3] ?? 0) | (1 << (number & 7));
    return Buffer.concat([uint16(ALGORITHM[bank]), uint8(bits.length), bits]);
  });
  return Buffer.concat([uint32(entries.length), ...entries]);
}

/** The digest of a quote over these values; undefined when one that is selected is missing. */
export function pcrDigest(selection: PcrSelection, values: PcrValues, hash: TpmHash): Buffer | undefined {
  const digest = createHash(hash);
  for (const { bank, number } of selectedPcrs(selection)) {
    const value = values.get(bank)?.get(number);
    if (value === undefined) return undefined;
    digest.update(value);
  }
  return digest.digest();
}
