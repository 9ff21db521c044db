import { z } from "zod";
import type { ConfiguredSigner, ConfiguredSigners } from "./domain/configured-signer.ts";
import type { Subject } from "./domain/csr-facts.ts";
import { KNOWN_CURVES } from "./domain/key-policy.ts";
import { KNOWN_USAGES } from "./domain/key-usages.ts";
import { ML_DSA_SETS } from "./domain/ml-dsa.ts";
import { POD_PLACES } from "./domain/pod-certificate.ts";
import { KEY_KINDS, NAME_RULES, SUBJECT_ATTRIBUTES } from "./domain/signer-rules.ts";
import { isTrustDomain, SVID_USAGES } from "./domain/spiffe.ts";
import type { TrustDomain, TrustDomains } from "./domain/spiffe-bundle.ts";
import { ipRange } from "./ip-range.ts";

const MAXIMUM_SIGNERS = 100;
const MINIMUM_SECONDS = 600;
/** What only CAs do, and what would be everything. */
const REFUSED_USAGES = ["cert sign", "crl sign", "ocsp signing", "any"];

const pattern = z.string().min(1).max(255);
const patterns = z.array(pattern).max(100).default([]);
const uriPatterns = z.array(z.string().min(1).max(2048)).max(100).default([]);
const usage = z.enum(KNOWN_USAGES).refine((name) => !REFUSED_USAGES.includes(name), {
  error: ({ input }) => `${JSON.stringify(input)} is for CAs, or for everything; leave it out`,
});

const attributePatterns = {
  commonName: patterns,
  organization: patterns,
  organizationalUnit: patterns,
  country: patterns,
  province: patterns,
  locality: patterns,
  streetAddress: patterns,
  postalCode: patterns,
  serialNumber: patterns,
};

const texts = z.array(z.string().min(1).max(255)).max(16).default([]);

const templateSchema = z.strictObject({
  commonName: z.string().max(255).default(""),
  organization: texts,
  organizationalUnit: texts,
  country: texts,
  province: texts,
  locality: texts,
  streetAddress: texts,
  postalCode: texts,
  serialNumber: z.string().max(255).default(""),
});

const pathPatterns = z
  .array(
    z
      .string()
      .max(2048)
      .regex(
        /^(\/[A-Za-z0-9._*-]+)+$/,
        "must be /, segments of letters, digits, dot, dash, underscore and *, and no / at its end",
      ),
  )
  .max(100);

const spiffeSchema = z.strictObject({
  trustDomain: z
    .string()
    .refine(
      isTrustDomain,
      "must be at most 255 characters of a-z, 0-9, dot, dash and underscore, for example example.org",
    ),
  /** What anybody may ask for. */
  paths: pathPatterns.default([]),
  /** What one user, or the members of a group, may ask for besides. */
  requesters: z
    .array(
      z.union([
        z.strictObject({ user: z.string().min(1), paths: pathPatterns.min(1) }),
        z.strictObject({ group: z.string().min(1), paths: pathPatterns.min(1) }),
      ]),
    )
    .max(1000)
    .default([]),
  /** How often clients are told to look for other CAs. */
  refreshHintSeconds: z.int().min(10).max(86_400).default(300),
});

const podText = z
  .string()
  .min(1)
  .max(1024)
  .refine(hasKnownPlaces, {
    error: `has a place that is none; places are ${POD_PLACES.map((place) => `{${place}}`).join(", ")}`,
  });

const podsSchema = z
  .strictObject({
    commonName: podText.or(z.literal("")).default(""),
    dnsNames: z.array(podText).max(16).default([]),
    uris: z.array(podText).max(16).default([]),
    usages: z.array(usage).min(1),
  })
  .refine(({ commonName, dnsNames, uris }) => commonName !== "" || dnsNames.length + uris.length > 0, {
    error: "names nobody; give commonName, dnsNames or uris",
  });

function hasKnownPlaces(text: string): boolean {
  const rest = POD_PLACES.reduce((sofar, place) => sofar.replaceAll(`{${place}}`, ""), text);
  return !/[{}]/.test(rest);
}

const profileSchema = z.strictObject({
  /** Patterns by attribute; an attribute without one must be absent. `*` is any run of characters. */
  subject: z
    .strictObject({ ...attributePatterns, required: z.array(z.enum(SUBJECT_ATTRIBUTES)).default([]) })
    .optional(),
  /** The subject of every certificate, whatever was asked for. */
  subjectTemplate: templateSchema.optional(),
  /** Patterns by kind; of a kind without one there may be none. `*` ends at a dot, an @ or a slash, `**` does not. */
  subjectAltNames: z
    .strictObject({
      dnsNames: patterns,
      emailAddresses: patterns,
      ipRanges: z.array(ipRange).max(100).default([]),
      uris: uriPatterns,
      required: z.array(z.enum(NAME_RULES)).default([]),
      /** Whether a name may begin with `*.` where the pattern does. */
      wildcardDnsNames: z.boolean().default(false),
    })
    .prefault({}),
  /** May be left out with `spiffe`, which says what there is. */
  usages: z.strictObject({ allowed: z.array(usage).min(1), required: z.array(usage).default([]) }).optional(),
  /** Makes the certificates X.509-SVIDs. */
  spiffe: spiffeSchema.optional(),
  /** Signs PodCertificateRequests (Kubernetes 1.36 and later) too: what their certificates say of the pod, and are for. */
  pods: podsSchema.optional(),
  /** Tighter than `keyPolicy`, which is asked first. */
  keys: z
    .strictObject({
      algorithms: z
        .array(z.enum(KEY_KINDS))
        .min(1)
        .default([...KEY_KINDS]),
      minimumRsaBits: z.int().min(1024).max(16_384).optional(),
      curves: z.array(z.enum(KNOWN_CURVES)).min(1).optional(),
      mlDsa: z.array(z.enum(ML_DSA_SETS)).min(1).optional(),
    })
    .prefault({}),
  lifetime: z
    .strictObject({
      /** `signing.maxDurationSeconds` without it. */
      maximumSeconds: z.int().min(MINIMUM_SECONDS).optional(),
      /** For requests that name no lifetime; the maximum without it. */
      defaultSeconds: z.int().min(MINIMUM_SECONDS).optional(),
    })
    .prefault({}),
});

export const signersSchema = z
  .array(
    z.strictObject({
      signerName: z.string(),
      /** The name of one of `issuers`, or default. */
      issuer: z.string().min(1),
      /** What is certified: for signers of other names than Kubernetes' and ours, which have their rules. */
      profile: profileSchema.optional(),
    }),
  )
  .max(MAXIMUM_SIGNERS)
  .default([]);

/** One entry of `signers`. */
export type SignerEntry = z.infer<typeof signersSchema>[number];
export type ProfileSettings = z.infer<typeof profileSchema>;

const NO_SUBJECT: ConfiguredSigner["subject"] = {
  commonName: [],
  organization: [],
  organizationalUnit: [],
  country: [],
  province: [],
  locality: [],
  streetAddress: [],
  postalCode: [],
  serialNumber: [],
  required: [],
};

/** The profiles that are configured, by signer name. The configuration must have been checked. */
export function configuredSigners({
  signers,
  signing,
}: {
  readonly signers: readonly SignerEntry[];
  readonly signing: { readonly maxDurationSeconds: number };
}): ConfiguredSigners {
  return new Map(
    signers.flatMap(({ signerName, profile }): [string, ConfiguredSigner][] =>
      profile === undefined ? [] : [[signerName, compile(signerName, profile, signing.maxDurationSeconds)]],
    ),
  );
}

function compile(signerName: string, profile: ProfileSettings, longestSeconds: number): ConfiguredSigner {
  const maximumSeconds = profile.lifetime.maximumSeconds ?? longestSeconds;
  return {
    signerName,
    subject: profile.subject ?? NO_SUBJECT,
    subjectTemplate: profile.subjectTemplate satisfies Subject | undefined,
    subjectAltNames: profile.subjectAltNames,
    spiffe: profile.spiffe,
    pods: profile.pods,
    usages: usagesOf(profile),
    keys: profile.keys,
    lifetime: { maximumSeconds, defaultSeconds: profile.lifetime.defaultSeconds ?? maximumSeconds },
  };
}

/** What is allowed and required; SPIFFE says so where the configuration does not. */
export function usagesOf({ usages }: Pick<ProfileSettings, "usages">): ConfiguredSigner["usages"] {
  return usages ?? { allowed: SVID_USAGES, required: [] };
}

/** The trust domains that signers are configured for. The configuration must have been checked. */
export function trustDomainsOf(signers: readonly SignerEntry[]): TrustDomains {
  const domains = new Map<string, TrustDomain>();
  for (const { issuer, profile } of signers) {
    if (profile?.spiffe === undefined) continue;
    const { trustDomain, refreshHintSeconds } = profile.spiffe;
    const known = domains.get(trustDomain);
    domains.set(trustDomain, {
      issuerNames: [...new Set([...(known?.issuerNames ?? []), issuer])],
      refreshHintSeconds: Math.min(known?.refreshHintSeconds ?? refreshHintSeconds, refreshHintSeconds),
    });
  }
  return domains;
}
