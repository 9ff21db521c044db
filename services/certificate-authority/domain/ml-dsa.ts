/** The parameter sets of ML-DSA, as FIPS 204 names them. Source: FIPS 204 section 4; RFC 9881. */
export const ML_DSA_SETS = ["ML-DSA-44", "ML-DSA-65", "ML-DSA-87"] as const;
export type MlDsaSet = (typeof ML_DSA_SETS)[number];

/** The parameter set of a CA's key; undefined for keys of other kinds. */
export function mlDsaSetOf(keyAlgorithm: string): MlDsaSet | undefined {
  return ML_DSA_SETS.find((set) => set.toLowerCase() === keyAlgorithm);
}
