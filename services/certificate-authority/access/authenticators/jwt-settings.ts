import { z } from "zod";
import { claimsNamedIn, expressionSchema } from "./claim-expressions.ts";

/**
 * A JWT issuer, structured as one entry of `jwt` in Kubernetes' AuthenticationConfiguration v1; beyond it `extra` may map
 * a claim in place of an expression, and `jwksFile` stands in for discovery.
 *
 * Source: kubernetes staging/src/k8s.io/apiserver/pkg/apis/apiserver/v1/types.go and
 * staging/src/k8s.io/apiserver/pkg/apis/apiserver/validation/validation.go.
 */

const httpsUrl = z.string().refine(isPlainHttpsUrl, "must be an https URL without user, query and fragment");

function isPlainHttpsUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, search, hash } = new URL(text);
  return protocol === "https:" && username === "" && password === "" && search === "" && hash === "";
}

const certificateAuthority = z
  .string()
  .includes("-----BEGIN CERTIFICATE-----", { error: "must be PEM certificates, not the name of a file" });

const issuer = z
  .strictObject({
    url: httpsUrl,
    discoveryURL: httpsUrl.optional(),
    certificateAuthority: certificateAuthority.optional(),
    audiences: z.array(z.string().min(1)).min(1),
    audienceMatchPolicy: z.literal("MatchAny").optional(),
    egressSelectorType: z.never("egressSelectorType is not supported: there is no egress selector here").optional(),
  })
  .refine(({ url, discoveryURL }) => url !== discoveryURL, {
    path: ["discoveryURL"],
    error: "must be left out when it is the issuer's own",
  })
  .refine(({ audiences, audienceMatchPolicy }) => audiences.length === 1 || audienceMatchPolicy === "MatchAny", {
    path: ["audienceMatchPolicy"],
    error: "must be MatchAny when there are several audiences",
  })
  .refine(({ audiences }) => new Set(audiences).size === audiences.length, {
    path: ["audiences"],
    error: "must not name one twice",
  });

const claim = z.string().min(1);

interface ClaimOrExpression {
  readonly claim?: string | undefined;
  readonly expression?: string | undefined;
}

const ONE_OF = "must have either claim or expression";
const hasOne = (mapping: ClaimOrExpression): boolean =>
  (mapping.claim === undefined) !== (mapping.expression === undefined);

const prefixed = (result: "string" | "string or list<string>") =>
  z
    .strictObject({
      claim: claim.optional(),
      /** "" for none: then names of this issuer can meet those of others. */
      prefix: z.string().optional(),
      expression: expressionSchema("claims", result).optional(),
    })
    .refine(hasOne, ONE_OF)
    .refine((mapping) => mapping.claim === undefined || mapping.prefix !== undefined, {
      path: ["prefix"],
      error: 'must be given with claim, and may be ""',
    })
    .refine((mapping) => mapping.expression === undefined || mapping.prefix === undefined, {
      path: ["prefix"],
      error: "must be left out with expression, which makes the whole name",
    });

const EXTRA_KEY = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?\/[-a-z0-9._~!$&'()*+,;=:@%/]+$/;
const RESERVED_EXTRA_DOMAIN = /(^|\.)(kubernetes\.io|k8s\.io|gatehouse\.dev)\//;

const extraKey = z
  .string()
  .regex(EXTRA_KEY, "must be a lower-case domain, a slash and a path, for example example.com/team")
  .refine(
    (key) => !RESERVED_EXTRA_DOMAIN.test(key),
    "the domains kubernetes.io, k8s.io and gatehouse.dev are reserved",
  );

const extra = z
  .strictObject({
    key: extraKey,
    claim: claim.optional(),
    valueExpression: expressionSchema("claims", "string or list<string>").optional(),
  })
  .refine((entry) => hasOne({ claim: entry.claim, expression: entry.valueExpression }), {
    error: "must have either claim or valueExpression",
  });

const claimMappings = z.strictObject({
  username: prefixed("string"),
  groups: prefixed("string or list<string>").optional(),
  uid: z
    .strictObject({ claim: claim.optional(), expression: expressionSchema("claims", "string").optional() })
    .refine(hasOne, ONE_OF)
    .optional(),
  extra: z
    .array(extra)
    .refine((entries) => new Set(entries.map(({ key }) => key)).size === entries.length, "must not name a key twice")
    .default([]),
});

const claimValidationRule = z
  .strictObject({
    claim: claim.optional(),
    requiredValue: z.string().optional(),
    expression: expressionSchema("claims", "bool").optional(),
    message: z.string().optional(),
  })
  .refine(hasOne, ONE_OF)
  .refine((rule) => (rule.claim === undefined) === (rule.requiredValue === undefined), {
    path: ["requiredValue"],
    error: "must be given with claim, and only with claim",
  })
  .refine((rule) => rule.claim === undefined || rule.message === undefined, {
    path: ["message"],
    error: "must be left out with claim",
  });

const userValidationRule = z.strictObject({
  expression: expressionSchema("user", "bool"),
  message: z.string().optional(),
});

const isUnique = (values: readonly (string | undefined)[]): boolean => {
  const given = values.filter((value) => value !== undefined);
  return new Set(given).size === given.length;
};

export const jwtSettingsSchema = z
  .strictObject({
    issuer,
    claimMappings,
    claimValidationRules: z
      .array(claimValidationRule)
      .refine((rules) => isUnique(rules.map((rule) => rule.claim)), "must not name a claim twice")
      .refine((rules) => isUnique(rules.map(({ expression }) => expression)), "must not hold an expression twice")
      .default([]),
    userValidationRules: z
      .array(userValidationRule)
      .refine((rules) => isUnique(rules.map(({ expression }) => expression)), "must not hold an expression twice")
      .default([]),
    /** The issuer's keys as a file; nothing is fetched then. */
    jwksFile: z.string().min(1).optional(),
  })
  .refine(asksWhetherAddressesAreVerified, {
    path: ["claimMappings", "username", "expression"],
    error:
      "names claims.email, so that claims.email_verified must be named too: here, in claimMappings.extra[].valueExpression or in claimValidationRules[].expression",
  });

interface Expressions {
  readonly claimMappings: {
    readonly username: ClaimOrExpression;
    readonly extra: readonly { readonly valueExpression?: string | undefined }[];
  };
  readonly claimValidationRules: readonly ClaimOrExpression[];
}

/** An address that was not verified may be anybody's; OpenID Connect Core section 5.1. */
function asksWhetherAddressesAreVerified({
  claimMappings: mappings,
  claimValidationRules: rules,
}: Expressions): boolean {
  const { expression = "" } = mappings.username;
  if (!claimsNamedIn(expression).has("claims.email")) return true;
  const places = [
    expression,
    ...mappings.extra.map((entry) => entry.valueExpression),
    ...rules.map((rule) => rule.expression),
  ];
  return places.some((source = "") => claimsNamedIn(source).has("claims.email_verified"));
}

export type JwtSettings = z.infer<typeof jwtSettingsSchema>;

/** Service accounts' tokens, as a kube-apiserver makes them, checked against its keys. */
export const serviceAccountSettingsSchema = z
  .strictObject({
    /** As `--service-account-issuer`. */
    issuer: z.string().min(1),
    audiences: z.array(z.string().min(1)).min(1),
    /** Public keys in PEM, as `--service-account-key-file`. */
    keyFiles: z.array(z.string().min(1)).min(1).optional(),
    /** What `/openid/v1/jwks` answers. */
    jwksFile: z.string().min(1).optional(),
  })
  .refine(({ keyFiles, jwksFile }) => (keyFiles === undefined) !== (jwksFile === undefined), {
    error: "must have either keyFiles or jwksFile",
  });

export type ServiceAccountSettings = z.infer<typeof serviceAccountSettingsSchema>;
