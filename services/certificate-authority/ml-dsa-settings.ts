import { knowsMlDsa, ML_DSA_NEEDS } from "./custody/ml-dsa-runtime.ts";
import { type MlDsaSet, mlDsaSetOf } from "./domain/ml-dsa.ts";

interface KeySettings {
  readonly keyAlgorithm: string;
  readonly token?: string | undefined;
}

interface MlDsaSettings {
  readonly keyPolicy: { readonly mlDsa: readonly MlDsaSet[] };
  readonly issuer: KeySettings;
  readonly issuers: readonly KeySettings[];
}

interface Problem {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** What a runtime can do, and what it calls itself. */
export interface MlDsaRuntime {
  readonly knowsMlDsa: boolean;
  readonly versions: { readonly node: string; readonly openssl: string };
}

/**
 * What keeps the post-quantum keys of the configuration from being used: a runtime without them, issuers that were not
 * chosen, tokens.
 */
export function mlDsaProblems(settings: MlDsaSettings, runtime: MlDsaRuntime = thisRuntime()): readonly Problem[] {
  const { keyPolicy, issuer, issuers } = settings;
  const chosen = keyPolicy.mlDsa;
  const { node, openssl } = runtime.versions;
  const missing = `${ML_DSA_NEEDS}, and this is Node.js ${node} with OpenSSL ${openssl}; take a newer one, or leave ML-DSA out`;
  return [
    ...(chosen.length > 0 && !runtime.knowsMlDsa ? [{ path: ["keyPolicy", "mlDsa"], message: missing }] : []),
    ...[issuer, ...issuers].flatMap((one, index) => {
      const path = index === 0 ? ["issuer"] : ["issuers", index - 1];
      return problemsOf(one, chosen).map((problem) => ({ ...problem, path: [...path, ...problem.path] }));
    }),
  ];
}

function problemsOf({ keyAlgorithm, token }: KeySettings, chosen: readonly MlDsaSet[]): readonly Problem[] {
  const set = mlDsaSetOf(keyAlgorithm);
  if (set === undefined) return [];
  if (token !== undefined)
    return [
      { path: ["keyAlgorithm"], message: `${keyAlgorithm} is for keys in files; keys in tokens are of other kinds` },
    ];
  if (chosen.includes(set)) return [];
  return [{ path: ["keyAlgorithm"], message: `${keyAlgorithm} has to be chosen: put ${set} into keyPolicy.mlDsa` }];
}

function thisRuntime(): MlDsaRuntime {
  const { node, openssl } = process.versions;
  return { knowsMlDsa: knowsMlDsa(), versions: { node, openssl } };
}
