import { z } from "zod";
import { DEFAULT_ISSUER, KEY_ALGORITHMS } from "./domain/issuer.ts";
import { OUR_SIGNERS } from "./domain/signer-profile.ts";
import { ipRange } from "./ip-range.ts";
import { type ProfileContext, profileProblems } from "./signer-problems.ts";
import type { signersSchema } from "./signer-settings.ts";

const DAY_SECONDS = 86_400;
const MAXIMUM_ISSUERS = 32;
/** Issuers one below the other, the root included. */
const MAXIMUM_DEPTH = 4;
/** Signers of certificates for Gatehouse itself. */
export const OWN_SIGNERS = ["gatehouse.dev/serving", "gatehouse.dev/administrator"] as const;

const texts = z.array(z.string().min(1).max(255)).max(100).default([]);

/** In the order in which a subject is written; lists are attributes that may have several values. */
const directoryName = z
  .strictObject({
    country: texts,
    province: texts,
    locality: texts,
    streetAddress: texts,
    postalCode: texts,
    organization: texts,
    organizationalUnit: texts,
    commonName: z.string().default(""),
    serialNumber: z.string().default(""),
  })
  .refine((name) => Object.values(name).some((value) => value.length > 0), "must name an attribute");

const subtrees = z
  .strictObject({
    /** Empty text is every name. */
    dnsNames: z
      .array(
        z
          .string()
          .max(253)
          .regex(/^[\x21-\x7e]*$/),
      )
      .max(1000)
      .default([]),
    emailAddresses: z
      .array(z.string().regex(/^[\x21-\x7e]+$/))
      .max(1000)
      .default([]),
    ipRanges: z.array(ipRange).max(1000).default([]),
    uriHosts: z
      .array(z.string().regex(/^[\x21-\x7e]+$/))
      .max(1000)
      .default([]),
    directoryNames: z.array(directoryName).max(100).default([]),
  })
  .prefault({});

const filesSchema = z.strictObject({
  certificateFile: z.string().min(1),
  /** Left out when the key is in a token. */
  keyFile: z.string().min(1).optional(),
  /** The certificates above an intermediate, the root among them. */
  chainFile: z.string().min(1).optional(),
});

const issuerShape = {
  keyAlgorithm: z.enum(KEY_ALGORITHMS).default("ecdsa-p256"),
  lifetimeDays: z.int().min(1).max(36_500).default(3650),
  /** The name of the issuer that signs this one; without it this one signs itself. */
  parent: z.string().optional(),
  /** Somebody else signs it: `gatehouse issuer request` and `gatehouse issuer install`. */
  externallySigned: z.boolean().default(false),
  /** How many CAs may be below it, one below the other. */
  pathLength: z.int().min(0).max(MAXIMUM_DEPTH).optional(),
  nameConstraints: z.strictObject({ permitted: subtrees, excluded: subtrees }).optional(),
  /** A CA in files, read again when they change. */
  import: filesSchema.optional(),
  /** The name of one of `tokens`: the key is made and used in there, and never leaves it. */
  token: z.string().min(1).optional(),
  /** What the key is called in the token; `gatehouse-` and the issuer's name without it. */
  keyLabel: z.string().min(1).max(255).optional(),
};

/** The issuer that signs whatever no other is named for. */
export const defaultIssuerSchema = z
  .strictObject({ ...issuerShape, commonName: z.string().min(1).max(64).default("gatehouse-ca") })
  .prefault({});

export const furtherIssuersSchema = z
  .array(
    z.strictObject({
      name: z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, "must be lower-case letters, digits and dashes"),
      ...issuerShape,
      commonName: z.string().min(1).max(64),
    }),
  )
  .max(MAXIMUM_ISSUERS)
  .default([]);

export type IssuerSettings = z.infer<typeof furtherIssuersSchema>[number];

/** The parts of the configuration that say who signs. */
export interface SigningSettings {
  readonly issuer: z.infer<typeof defaultIssuerSchema>;
  readonly issuers: readonly IssuerSettings[];
  readonly signers: z.infer<typeof signersSchema>;
  readonly signing: ProfileContext["signing"];
  readonly keyPolicy?: ProfileContext["keyPolicy"];
  readonly tokens?: readonly { readonly name: string }[];
}

/** Every issuer under its name, parents before those they sign. The configuration must have been checked. */
export function issuersInOrder({
  issuer,
  issuers,
}: Pick<SigningSettings, "issuer" | "issuers">): readonly IssuerSettings[] {
  const all = [{ name: DEFAULT_ISSUER, ...issuer }, ...issuers];
  const depth = (settings: IssuerSettings): number => lineOf(settings, all).length;
  return all.toSorted((one, other) => depth(one) - depth(other));
}

/** The path length that an issuer's certificate gets: one less than its parent's when it has none of its own. */
export function pathLengthOf(settings: IssuerSettings, all: readonly IssuerSettings[]): number | undefined {
  if (settings.pathLength !== undefined) return settings.pathLength;
  const parent = all.find(({ name }) => name === settings.parent);
  const above = parent && pathLengthOf(parent, all);
  return above === undefined ? undefined : above - 1;
}

/** What the certificate of an issuer that is signed elsewhere must leave room for. */
export function requirementsOf<Constraints>(
  issuer: IssuerSettings,
  all: readonly IssuerSettings[],
  nameConstraints: Constraints,
) {
  return { maximumPathLength: pathLengthOf(issuer, all), nameConstraints, depthBelow: depthBelow(issuer, all) };
}

/** How many issuers there are below, one below the other. */
function depthBelow({ name }: Pick<IssuerSettings, "name">, all: readonly IssuerSettings[]): number {
  const children = all.filter(({ parent }) => parent === name);
  return Math.max(0, ...children.map((child) => 1 + depthBelow(child, all)));
}

/** The name of the issuer that signs for a signer. */
export function issuerNameOf(signerName: string, signers: SigningSettings["signers"]): string {
  return signers.find((entry) => entry.signerName === signerName)?.issuer ?? DEFAULT_ISSUER;
}

/** Every signer that an issuer signs for. */
export function signerNamesOf(issuerName: string, signers: SigningSettings["signers"]): readonly string[] {
  const configured = signers.flatMap(({ signerName, profile }) => (profile === undefined ? [] : [signerName]));
  return [...OUR_SIGNERS, ...OWN_SIGNERS, ...configured].filter(
    (signerName) => issuerNameOf(signerName, signers) === issuerName,
  );
}

/** The longest certificate that may be asked of an issuer, in seconds; undefined when it is for CAs or for us alone. */
export function longestLifetimeOf(
  issuerName: string,
  { signers, signing: { maxDurationSeconds } }: Pick<SigningSettings, "signers" | "signing">,
): number | undefined {
  if (OUR_SIGNERS.some((signerName) => issuerNameOf(signerName, signers) === issuerName)) return maxDurationSeconds;
  const lifetimes = signers.flatMap(({ issuer, profile }) =>
    profile === undefined || issuer !== issuerName ? [] : [profile.lifetime.maximumSeconds ?? maxDurationSeconds],
  );
  return lifetimes.length === 0 ? undefined : Math.max(...lifetimes);
}

/** An issuer and those above it, as far as they are configured; cut off where it would go round in circles. */
export function lineOf(settings: IssuerSettings, all: readonly IssuerSettings[]): readonly IssuerSettings[] {
  const line = [settings];
  for (;;) {
    const parent = all.find(({ name }) => name === line.at(-1)?.parent);
    if (parent === undefined || line.includes(parent)) return line;
    line.push(parent);
  }
}

interface Problem {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** What is wrong between the issuers, each by its path; one by one their schemas have judged them. */
export function issuerProblems(settings: SigningSettings): readonly Problem[] {
  const all = [{ name: DEFAULT_ISSUER, ...settings.issuer }, ...settings.issuers];
  const pathOf = (index: number): readonly (string | number)[] => (index === 0 ? ["issuer"] : ["issuers", index - 1]);
  return [
    ...all.flatMap((issuer, index) => {
      const found = [
        ...kindProblems(issuer),
        ...tokenProblems(issuer, index, all, settings.tokens ?? []),
        ...nameProblems(issuer, index, all),
        ...parentProblems(issuer, all),
      ];
      return found.map(({ path, message }) => ({ path: [...pathOf(index), ...path], message }));
    }),
    ...signerProblems(settings, all),
    ...lifetimeProblems(settings, all),
  ];
}

function kindProblems(issuer: IssuerSettings): readonly Problem[] {
  const kinds = [issuer.import && "import", issuer.parent && "parent", issuer.externallySigned && "externallySigned"];
  const chosen = kinds.filter((kind) => typeof kind === "string");
  const both = `${chosen.join(" and ")} exclude each other: a CA comes from one place`;
  if (chosen.length > 1) return [{ path: [], message: both }];
  const isShaped = issuer.pathLength !== undefined || issuer.nameConstraints !== undefined;
  if (issuer.import === undefined || !isShaped) return [];
  return [{ path: ["import"], message: "an imported CA has its path length and name constraints already" }];
}

function tokenProblems(
  { token, keyLabel, import: files, name }: IssuerSettings,
  index: number,
  all: readonly IssuerSettings[],
  tokens: readonly { readonly name: string }[],
): readonly Problem[] {
  if (token === undefined) {
    if (keyLabel !== undefined) return [{ path: ["keyLabel"], message: "names a key in a token: set token as well" }];
    return files !== undefined && files.keyFile === undefined
      ? [{ path: ["import", "keyFile"], message: "is needed, unless token says where the key is" }]
      : [];
  }
  const known = tokens.map((one) => one.name).join(", ") || "none";
  if (!tokens.some((one) => one.name === token))
    return [{ path: ["token"], message: `there is no token called ${token}; configured are: ${known}` }];
  if (files?.keyFile !== undefined)
    return [{ path: ["import", "keyFile"], message: "and token exclude each other: a key is in one place" }];
  const label = keyLabel ?? `gatehouse-${name}`;
  const isTaken = all
    .slice(0, index)
    .some((other) => other.token === token && (other.keyLabel ?? `gatehouse-${other.name}`) === label);
  return isTaken ? [{ path: ["keyLabel"], message: `another issuer has its key in ${token} under "${label}"` }] : [];
}

function nameProblems(
  { name, commonName }: IssuerSettings,
  index: number,
  all: readonly IssuerSettings[],
): readonly Problem[] {
  const before = all.slice(0, index);
  const problems: Problem[] = [];
  if (before.some((other) => other.name === name))
    problems.push({ path: ["name"], message: `there is another issuer called ${name}` });
  if (before.some((other) => other.commonName === commonName))
    problems.push({ path: ["commonName"], message: `another issuer has the common name ${commonName}` });
  return problems;
}

function parentProblems(issuer: IssuerSettings, all: readonly IssuerSettings[]): readonly Problem[] {
  if (issuer.parent === undefined) return [];
  const path = ["parent"];
  const line = lineOf(issuer, all);
  const parent = all.find(({ name }) => name === issuer.parent);
  const top = line.at(-1);
  if (parent === undefined) return [{ path, message: `there is no issuer called ${issuer.parent}` }];
  if (top?.parent !== undefined && all.some(({ name }) => name === top.parent))
    return [{ path, message: `${issuer.name} would be above itself` }];
  if (line.length > MAXIMUM_DEPTH) return [{ path, message: `more than ${MAXIMUM_DEPTH} issuers one below the other` }];
  const above = pathLengthOf(parent, all);
  if (above !== undefined && above < 1) return [{ path, message: `${parent.name} has path length 0 and signs no CA` }];
  const own = pathLengthOf(issuer, all);
  if (above !== undefined && (own === undefined || own >= above))
    return [{ path: ["pathLength"], message: `must be less than ${above}, the path length of ${parent.name}` }];
  const isOurs = parent.import === undefined && !parent.externallySigned;
  if (isOurs && issuer.lifetimeDays > parent.lifetimeDays)
    return [
      { path: ["lifetimeDays"], message: `must not outlive ${parent.name}, which lives ${parent.lifetimeDays} days` },
    ];
  return [];
}

function signerProblems(settings: SigningSettings, all: readonly IssuerSettings[]): readonly Problem[] {
  const { signers } = settings;
  return signers.flatMap((entry, index): readonly Problem[] => {
    const { signerName, issuer } = entry;
    const path = ["signers", index];
    const found = profileProblems(entry, [...OUR_SIGNERS, ...OWN_SIGNERS], settings);
    if (found.length > 0) return found.map((problem) => ({ ...problem, path: [...path, ...problem.path] }));
    if (signers.slice(0, index).some((other) => other.signerName === signerName))
      return [{ path: [...path, "signerName"], message: `${signerName} has an issuer already` }];
    if (all.some(({ name }) => name === issuer)) return [];
    return [{ path: [...path, "issuer"], message: `there is no issuer called ${issuer}` }];
  });
}

/** No certificate is made to outlive its issuer; of CAs that come from elsewhere this shows only when they are there. */
function lifetimeProblems(settings: SigningSettings, all: readonly IssuerSettings[]): readonly Problem[] {
  return all.flatMap(({ name, import: files, externallySigned, lifetimeDays }): readonly Problem[] => {
    const longest = longestLifetimeOf(name, settings);
    if (longest === undefined || files !== undefined || externallySigned) return [];
    if (lifetimeDays * DAY_SECONDS >= longest) return [];
    const message = `certificates of ${longest} seconds outlive the issuer ${name}, which lives ${lifetimeDays} days`;
    const index = settings.signers.findIndex(
      ({ issuer, profile }) => issuer === name && profile?.lifetime.maximumSeconds === longest,
    );
    const isOwn = longest < settings.signing.maxDurationSeconds && index >= 0;
    const path = isOwn
      ? ["signers", index, "profile", "lifetime", "maximumSeconds"]
      : ["signing", "maxDurationSeconds"];
    return [{ path, message }];
  });
}
