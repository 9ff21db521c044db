import { z } from "zod";
import { jwtSettingsSchema, serviceAccountSettingsSchema } from "./jwt-settings.ts";

const MAXIMUM_AUTHENTICATORS = 64;

const file = z.string().min(1);
const headerNames = z.array(z.string().regex(/^[-A-Za-z0-9!#$%&'*+.^_`|~]+$/, "must be the name of a header"));

/** What a front proxy says of its users, and which proxies are believed. Defaults are those that kubeadm sets. */
const frontProxySchema = z.strictObject({
  /** CAs of front proxies and of nobody else, never the cluster's CA. */
  certificateAuthorityFile: file,
  /** Common names of the proxies. */
  allowedNames: z.array(z.string().min(1)).min(1),
  usernameHeaders: headerNames.min(1).default(["X-Remote-User"]),
  uidHeaders: headerNames.default(["X-Remote-Uid"]),
  groupHeaders: headerNames.default(["X-Remote-Group"]),
  extraHeaderPrefixes: headerNames.default(["X-Remote-Extra-"]),
});

export type FrontProxySettings = z.infer<typeof frontProxySchema>;

const credentialsSchema = z
  .strictObject({
    tokenFile: file.optional(),
    clientCertificateFile: file.optional(),
    clientKeyFile: file.optional(),
  })
  .refine(
    ({ tokenFile, clientCertificateFile, clientKeyFile }) =>
      (clientCertificateFile === undefined) === (clientKeyFile === undefined) &&
      (tokenFile === undefined) !== (clientCertificateFile === undefined),
    "must have either tokenFile, or clientCertificateFile and clientKeyFile",
  );

const tokenReviewSchema = z
  .strictObject({
    /** Names the server, its CA and our credentials there, as `--authentication-token-webhook-config-file`. */
    kubeconfig: file.optional(),
    url: z
      .string()
      .refine((text) => URL.canParse(text) && new URL(text).protocol === "https:", "must be an https URL")
      .optional(),
    certificateAuthorityFile: file.optional(),
    credentials: credentialsSchema.optional(),
    /** When set, only tokens that the server says are for one of them. */
    audiences: z.array(z.string().min(1)).default([]),
    timeoutSeconds: z.number().positive().max(30).default(10),
    cacheSuccessSeconds: z.number().min(0).max(3600).default(60),
    cacheFailureSeconds: z.number().min(0).max(3600).default(10),
  })
  .refine(({ kubeconfig, url }) => (kubeconfig === undefined) !== (url === undefined), {
    error: "must have either kubeconfig or url",
  })
  .refine(
    ({ kubeconfig, certificateAuthorityFile, credentials }) =>
      kubeconfig === undefined || (certificateAuthorityFile === undefined && credentials === undefined),
    { error: "certificateAuthorityFile and credentials go with url, not with kubeconfig" },
  );

export type TokenReviewSettings = z.infer<typeof tokenReviewSchema>;

/** One authenticator; exactly one key is set. */
const authenticatorSchema = z
  .strictObject({
    clientCertificate: z.strictObject({}).optional(),
    bootstrapToken: z.strictObject({}).optional(),
    tokenFile: z.strictObject({ file }).optional(),
    jwt: jwtSettingsSchema.optional(),
    serviceAccount: serviceAccountSettingsSchema.optional(),
    tokenReview: tokenReviewSchema.optional(),
    frontProxy: frontProxySchema.optional(),
  })
  .refine((entry) => Object.keys(entry).length === 1, "must name exactly one authenticator");

export type AuthenticatorSettings = z.infer<typeof authenticatorSchema>;

/** Who may call, in the order in which they are asked. */
export const authenticationSchema = z
  .array(authenticatorSchema)
  .min(1)
  .max(MAXIMUM_AUTHENTICATORS)
  .superRefine((entries, context) => {
    const seen = new Set<string>();
    for (const [index, entry] of entries.entries()) {
      const identity = identityOf(entry);
      if (seen.has(identity)) context.addIssue({ code: "custom", path: [index], message: `${identity} occurs twice` });
      seen.add(identity);
    }
  })
  .default([{ clientCertificate: {} }, { bootstrapToken: {} }]);

/** Two of the same would be one too many: a token's issuer says who judges it, and a kind without settings is one. */
function identityOf({ jwt, serviceAccount, tokenFile, tokenReview, ...others }: AuthenticatorSettings): string {
  if (jwt !== undefined) return `the issuer ${jwt.issuer.url}`;
  if (serviceAccount !== undefined) return `the issuer ${serviceAccount.issuer}`;
  if (tokenFile !== undefined) return `tokenFile ${tokenFile.file}`;
  if (tokenReview !== undefined) return `tokenReview of ${tokenReview.url ?? tokenReview.kubeconfig}`;
  return Object.keys(others)[0] ?? "";
}

/** The settings with every path made absolute by `resolve`. */
export function resolveAuthenticationPaths(
  entries: readonly AuthenticatorSettings[],
  resolve: (path: string) => string,
): AuthenticatorSettings[] {
  const resolved = <K extends string>(key: K, path: string | undefined) =>
    (path === undefined ? {} : { [key]: resolve(path) }) as { [key in K]?: string };
  return entries.map((entry) => {
    const { tokenFile, jwt, serviceAccount, tokenReview, frontProxy } = entry;
    if (tokenFile) return { tokenFile: { file: resolve(tokenFile.file) } };
    if (jwt) return { jwt: { ...jwt, ...resolved("jwksFile", jwt.jwksFile) } };
    if (serviceAccount) {
      const { keyFiles, jwksFile } = serviceAccount;
      const keys = keyFiles && { keyFiles: keyFiles.map(resolve) };
      return { serviceAccount: { ...serviceAccount, ...keys, ...resolved("jwksFile", jwksFile) } };
    }
    if (tokenReview) {
      const { kubeconfig, certificateAuthorityFile: ca, credentials } = tokenReview;
      const shown = credentials && {
        credentials: {
          ...resolved("tokenFile", credentials.tokenFile),
          ...resolved("clientCertificateFile", credentials.clientCertificateFile),
          ...resolved("clientKeyFile", credentials.clientKeyFile),
        },
      };
      const files = { ...resolved("kubeconfig", kubeconfig), ...resolved("certificateAuthorityFile", ca), ...shown };
      return { tokenReview: { ...tokenReview, ...files } };
    }
    if (frontProxy) {
      return { frontProxy: { ...frontProxy, certificateAuthorityFile: resolve(frontProxy.certificateAuthorityFile) } };
    }
    return entry;
  });
}
