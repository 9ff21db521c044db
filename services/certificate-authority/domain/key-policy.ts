import type { Curve, PublicKeyKind, RsaDefect } from "./csr-facts.ts";
import type { MlDsaSet } from "./ml-dsa.ts";

/** The smallest exponent we certify keys with: smaller ones turn mistakes in padding into forgeries. */
const MINIMUM_RSA_EXPONENT = 65_537;

/** Below this, an RSA key is certified only when the configuration says so in so many words. */
export const SAFE_RSA_BITS = 2048;

/** The curves with at least 128 bits of security. */
export const SAFE_CURVES = ["P-256", "P-384", "P-521"] as const satisfies readonly Curve[];

/** Every curve a request may have. */
export const KNOWN_CURVES = ["P-224", ...SAFE_CURVES] as const satisfies readonly Curve[];

/** Which keys are strong enough. Ed25519 always is. */
export interface KeyStrengthRules {
  readonly minimumRsaBits: number;
  readonly curves: readonly Curve[];
  /** The parameter sets that are certified; none unless the configuration chooses them. */
  readonly mlDsa: readonly MlDsaSet[];
}

/** The ways in which the configuration can be less safe than its defaults. */
export interface KeyPolicySettings extends KeyStrengthRules {
  readonly allowKeyReuseAcrossNodes: boolean;
}

/** Why a key is not certified; `reason` becomes that of the condition. */
export interface KeyViolation {
  readonly reason: "WeakKey" | "BlockedKey" | "KeyOfAnotherNode";
  /** A sentence for people, the requester among them. */
  readonly message: string;
  readonly evidence: Readonly<Record<string, unknown>>;
}

const DEFECTS: Readonly<Record<RsaDefect, string>> = {
  infineonPrimes: "its primes come from a flawed Infineon library and can be recovered (ROCA, CVE-2017-15361)",
  closePrimes: "its primes are so close together that they are found by Fermat's method",
};

/** The first rule of strength that a key breaks; undefined when it keeps them all. */
export function strengthViolation(key: PublicKeyKind, rules: KeyStrengthRules): KeyViolation | undefined {
  switch (key.algorithm) {
    case "RSA":
      return rsaViolation(key, rules.minimumRsaBits);
    case "ECDSA": {
      const { algorithm, curve } = key;
      if (rules.curves.includes(curve)) return undefined;
      return weak(`keys on curve ${curve} are not certified`, { algorithm, curve, allowed: rules.curves });
    }
    case "Ed25519":
      return undefined;
    case "ML-DSA": {
      const { algorithm, parameterSet } = key;
      if (rules.mlDsa.includes(parameterSet)) return undefined;
      return weak(`${parameterSet} keys are not certified`, { algorithm, parameterSet, allowed: rules.mlDsa });
    }
    default:
      return key satisfies never;
  }
}

function rsaViolation(
  { algorithm, bits, exponent, defects }: Extract<PublicKeyKind, { algorithm: "RSA" }>,
  minimumBits: number,
): KeyViolation | undefined {
  if (bits < minimumBits) {
    return weak(`an RSA key of ${bits} bits is too small; ${minimumBits} are required`, {
      ...{ algorithm, bits, minimumBits },
    });
  }
  if (exponent < MINIMUM_RSA_EXPONENT) {
    return weak(`the RSA exponent ${exponent} is too small; at least ${MINIMUM_RSA_EXPONENT} is required`, {
      ...{ algorithm, bits, exponent },
    });
  }
  const [defect] = defects;
  if (defect === undefined) return undefined;
  return weak(`the RSA key can be broken: ${DEFECTS[defect]}`, { algorithm, bits, defects });
}

function weak(message: string, evidence: KeyViolation["evidence"]): KeyViolation {
  return { reason: "WeakKey", message, evidence };
}

/** What the settings let through that the defaults refuse, one sentence each: what is less safe, and what is new. */
export function keyPolicyRelaxations(settings: KeyPolicySettings): readonly string[] {
  const { minimumRsaBits, curves, mlDsa, allowKeyReuseAcrossNodes } = settings;
  const unsafeCurves = curves.filter((curve) => !SAFE_CURVES.some((safe) => safe === curve));
  return [
    ...(minimumRsaBits < SAFE_RSA_BITS
      ? [`keyPolicy.minimumRsaBits is ${minimumRsaBits}: RSA keys below ${SAFE_RSA_BITS} bits are certified`]
      : []),
    ...unsafeCurves.map(
      (curve) => `keyPolicy.curves has ${curve}: keys of less than 128 bits of security are certified`,
    ),
    ...(mlDsa.length > 0
      ? [
          `keyPolicy.mlDsa has ${mlDsa.join(", ")}: post-quantum keys are certified and issuers may have them, which many ` +
            "clients, Kubernetes up to 1.36 among them, cannot verify",
        ]
      : []),
    ...(allowKeyReuseAcrossNodes
      ? ["keyPolicy.allowKeyReuseAcrossNodes is set: a key that one node has lost may be certified for another"]
      : []),
  ];
}
