import { groupProblem } from "./domain/configured-subject.ts";
import type { KeyStrengthRules } from "./domain/key-policy.ts";
import { validateSignerName } from "./domain/signer-name.ts";
import { SVID_USAGES } from "./domain/spiffe.ts";
import type { ProfileSettings, SignerEntry } from "./signer-settings.ts";

/** Domains of signer names whose meaning others have settled. */
const RESERVED_DOMAINS = ["kubernetes.io", "k8s.io", "gatehouse.dev"];

const POD_MINIMUM_SECONDS = 3600;

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
    ...spiffeProblems(profile),
    ...keyProblems(profile, context),
    ...lifetimeProblems(profile, context),
    ...podProblems(profile, context),
  ].map(({ path, message }) => ({ path: ["profile", ...path], message }));
}

function subjectProblems({ subject, subjectTemplate }: ProfileSettings): readonly Problem[] {
  if (subject !== undefined && subjectTemplate !== undefined)
    return [{ path: ["subjectTemplate"], message: "and subject exclude each other: the template takes its place" }];
  const problems = subjectTemplate?.organization.flatMap((group) => groupProblem(group) ?? []) ?? [];
  return problems.map((message) => ({ path: ["subjectTemplate", "organization"], message }));
}

/** What is required must be allowed, or nothing would ever be certified. */
function requiredProblems({ subject, subjectAltNames, usages, spiffe }: ProfileSettings): readonly Problem[] {
  const missing = (section: string, names: readonly string[]): readonly Problem[] =>
    names.map((name) => ({ path: [section, "required"], message: `${name} is required, but not allowed` }));
  if (usages === undefined && spiffe === undefined)
    return [{ path: ["usages"], message: "is needed: nothing is certified without a usage" }];
  return [
    ...missing("subject", subject?.required.filter((name) => subject[name].length === 0) ?? []),
    ...missing(
      "subjectAltNames",
      subjectAltNames.required.filter((rule) => subjectAltNames[rule].length === 0),
    ),
    ...missing("usages", usages?.required.filter((name) => !usages.allowed.includes(name)) ?? []),
  ];
}

/** Source: kubernetes pkg/apis/certificates/validation/validation.go (a pod's certificate lasts an hour at least). */
function podProblems({ pods, usages, lifetime }: ProfileSettings, { signing }: ProfileContext): readonly Problem[] {
  if (pods === undefined) return [];
  const maximum = lifetime.maximumSeconds ?? signing.maxDurationSeconds;
  const unusual = usages === undefined ? [] : pods.usages.filter((usage) => !usages.allowed.includes(usage));
  return [
    ...unusual.map((usage) => ({ path: ["pods", "usages"], message: `${usage} is not among usages.allowed` })),
    ...(maximum < POD_MINIMUM_SECONDS
      ? [{ path: ["pods"], message: `pods' certificates last an hour at least; the maximum is ${maximum} seconds` }]
      : []),
  ];
}

/** The rules of X.509-SVIDs are not to be configured away. */
function spiffeProblems({ spiffe, subjectAltNames, usages }: ProfileSettings): readonly Problem[] {
  if (spiffe === undefined) return [];
  const problems: Problem[] = [];
  if (subjectAltNames.uris.length > 0)
    problems.push({ path: ["subjectAltNames", "uris"], message: "an X.509-SVID has one URI, which spiffe is about" });
  for (const name of usages?.allowed.filter((allowed) => !SVID_USAGES.includes(allowed)) ?? [])
    problems.push({ path: ["usages", "allowed"], message: `${name} is no usage of an X.509-SVID` });
  if (spiffe.paths.length === 0 && spiffe.requesters.length === 0)
    problems.push({ path: ["spiffe", "paths"], message: "nobody may ask for anything; name paths, or requesters" });
  return problems;
}

function keyProblems({ keys }: ProfileSettings, { keyPolicy }: ProfileContext): readonly Problem[] {
  if (keyPolicy === undefined) return [];
  const { algorithms, minimumRsaBits, curves, mlDsa } = keys;
  const looser = curves?.filter((curve) => !keyPolicy.curves.includes(curve)) ?? [];
  const unchosen = mlDsa?.filter((set) => !keyPolicy.mlDsa.includes(set)) ?? [];
  const isForNobody = keyPolicy.mlDsa.length === 0 && algorithms.every((algorithm) => algorithm === "ML-DSA");
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
    ...unchosen.map((set) => ({ path: ["keys", "mlDsa"], message: `${set} is not among keyPolicy.mlDsa` })),
    ...(isForNobody ? [{ path: ["keys", "algorithms"], message: "only ML-DSA, but keyPolicy.mlDsa is empty" }] : []),
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
