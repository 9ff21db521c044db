import { z } from "zod";

/**
 * A JWT issuer, structured as one entry of `jwt` in Kubernetes' AuthenticationConfiguration v1. What only CEL can say is
 * refused by name; `extra` maps a claim instead of an expression, and `jwksFile` stands in for discovery.
 *
 * Source: kubernetes staging/src/k8s.io/apiserver/pkg/apis/apiserver/v1/types.go and
 * staging/src/k8s.io/apiserver/pkg/apis/apiserver/validation/validation.go.
 */
const NO_CEL = "CEL expressions are not supported yet; name a claim instead";
const noCel = z.never(NO_CEL).optional();

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

const prefixedClaim = z.strictObject({
  claim: z.string().min(1),
  /** "" for none: then names of this issuer can meet those of others. */
  prefix: z.string(),
  expression: noCel,
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

const claimMappings = z.strictObject({
  username: prefixedClaim,
  groups: prefixedClaim.optional(),
  uid: z.strictObject({ claim: z.string().min(1), expression: noCel }).optional(),
  extra: z
    .array(z.strictObject({ key: extraKey, claim: z.string().min(1), valueExpression: noCel }))
    .refine((entries) => new Set(entries.map(({ key }) => key)).size === entries.length, "must not name a key twice")
    .default([]),
});

export const jwtSettingsSchema = z.strictObject({
  issuer,
  claimMappings,
  claimValidationRules: z
    .array(z.strictObject({ claim: z.string().min(1), requiredValue: z.string(), expression: noCel, message: noCel }))
    .refine((rules) => new Set(rules.map(({ claim }) => claim)).size === rules.length, "must not name a claim twice")
    .default([]),
  userValidationRules: z.never(NO_CEL).optional(),
  /** The issuer's keys as a file; nothing is fetched then. */
  jwksFile: z.string().min(1).optional(),
});

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
