import { z } from "zod";
import type { ConfiguredSigner, ConfiguredSigners } from "./domain/configured-signer.ts";
import { groupProblem } from "./domain/configured-subject.ts";
import type { Subject } from "./domain/csr-facts.ts";
import { type KeyStrengthRules, KNOWN_CURVES } from "./domain/key-policy.ts";
import { KNOWN_USAGES } from "./domain/key-usages.ts";
import { validateSignerName } from "./domain/signer-name.ts";
import { KEY_KINDS, NAME_RULES, SUBJECT_ATTRIBUTES } from "./domain/signer-rules.ts";
import { ipRange } from "./ip-range.ts";

const MAXIMUM_SIGNERS = 100;
const MINIMUM_SECONDS = 600;
/** Domains of signer names whose meaning others have settled. */
const RESERVED_DOMAINS = ["kubernetes.io", "k8s.io", "gatehouse.dev"];
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
  usages: z.strictObject({ allowed: z.array(usage).min(1), required: z.array(usage).default([]) }),
  /** Tighter than `keyPolicy`, which is asked first. */
  keys: z
    .strictObject({
      algorithms: z
        .array(z.enum(KEY_KINDS))
        .min(1)
        .default([...KEY_KINDS]),
      minimumRsaBits: z.int().min(1024).max(16_384).optional(),
      curves: z.array(z.enum(KNOWN_CURVES)).min(1).optional(),
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

type SignerEntry = z.infer<typeof signersSchema>[number];
type ProfileSettings = z.infer<typeof profileSchema>;

/** What profiles are held against. */
export interface ProfileContext {
  readonly signing: { readonly maxDurationSeconds: number };
  readonly keyPolicy?: KeyStrengthRules | undefined;
}

interface Problem {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** What is wrong with one entry; `builtIn` are the signers whose profiles are not configured. */
export function profileProblems(
  { signerName, profile }: SignerEntry,
  builtIn: readonly string[],
  context: ProfileContext,
): readonly Problem[] {
  if (builtIn.includes(signerName)) {
    const message = `${signerName} has its rules already; leave the profile out`;
    return profile === undefined ? [] : [{ path: ["profile"], message }];
  }
  const [invalid] = validateSignerName("signerName", signerName);
  const domain = signerName.slice(0, Math.max(0, signerName.indexOf("/")));
  const reserved = RESERVED_DOMAINS.find((name) => domain === name || domain.endsWith(`.${name}`));
  const known = builtIn.join(", ");
  if (reserved !== undefined)
    return [
      { path: ["signerName"], message: `${JSON.stringify(signerName)}: ${reserved} is reserved; known are ${known}` },
    ];
  if (invalid !== undefined)
    return [{ path: ["signerName"], message: `${JSON.stringify(signerName)}: ${invalid.message}` }];
  if (profile === undefined) return [{ path: ["profile"], message: `is needed: it says what ${signerName} certifies` }];
  return [
    ...subjectProblems(profile),
    ...requiredProblems(profile),
    ...keyProblems(profile, context),
    ...lifetimeProblems(profile, context),
  ].map(({ path, message }) => ({ path: ["profile", ...path], message }));
}

function subjectProblems({ subject, subjectTemplate }: ProfileSettings): readonly Problem[] {
  if (subject !== undefined && subjectTemplate !== undefined)
    return [{ path: ["subjectTemplate"], message: "and subject exclude each other: the template takes its place" }];
  const problems = subjectTemplate?.organization.flatMap((group) => groupProblem(group) ?? []) ?? [];
  return problems.map((message) => ({ path: ["subjectTemplate", "organization"], message }));
}

/** What is required must be allowed, or nothing would ever be certified. */
function requiredProblems({ subject, subjectAltNames, usages }: ProfileSettings): readonly Problem[] {
  const missing = (section: string, names: readonly string[]): readonly Problem[] =>
    names.map((name) => ({ path: [section, "required"], message: `${name} is required, but not allowed` }));
  return [
    ...missing("subject", subject?.required.filter((name) => subject[name].length === 0) ?? []),
    ...missing(
      "subjectAltNames",
      subjectAltNames.required.filter((rule) => subjectAltNames[rule].length === 0),
    ),
    ...missing(
      "usages",
      usages.required.filter((name) => !usages.allowed.includes(name)),
    ),
  ];
}

function keyProblems({ keys }: ProfileSettings, { keyPolicy }: ProfileContext): readonly Problem[] {
  if (keyPolicy === undefined) return [];
  const { minimumRsaBits, curves } = keys;
  const looser = curves?.filter((curve) => !keyPolicy.curves.includes(curve)) ?? [];
  return [
    ...(minimumRsaBits !== undefined && minimumRsaBits < keyPolicy.minimumRsaBits
      ? [
          {
            path: ["keys", "minimumRsaBits"],
            message: `must be at least keyPolicy.minimumRsaBits, ${keyPolicy.minimumRsaBits}`,
          },
        ]
      : []),
    ...looser.map((curve) => ({ path: ["keys", "curves"], message: `${curve} is not among keyPolicy.curves` })),
  ];
}

function lifetimeProblems({ lifetime }: ProfileSettings, { signing }: ProfileContext): readonly Problem[] {
  const { defaultSeconds, maximumSeconds } = lifetime;
  const limit = signing.maxDurationSeconds;
  if (maximumSeconds !== undefined && maximumSeconds > limit)
    return [{ path: ["lifetime", "maximumSeconds"], message: `must be at most signing.maxDurationSeconds, ${limit}` }];
  const maximum = maximumSeconds ?? limit;
  if (defaultSeconds === undefined || defaultSeconds <= maximum) return [];
  return [{ path: ["lifetime", "defaultSeconds"], message: `must be at most the maximum of ${maximum} seconds` }];
}

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
  readonly signing: ProfileContext["signing"];
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
    usages: profile.usages,
    keys: profile.keys,
    lifetime: { maximumSeconds, defaultSeconds: profile.lifetime.defaultSeconds ?? maximumSeconds },
  };
}
