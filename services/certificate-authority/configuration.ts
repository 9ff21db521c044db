import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { parseDocument } from "yaml";
import { z } from "zod";
import { auditSettingsSchema, resolveAuditPaths } from "./access/audit/settings.ts";
import { authenticationSchema, resolveAuthenticationPaths } from "./access/authenticators/settings.ts";
import { authorizationSchema, resolveAuthorizationPaths } from "./access/authorization/settings.ts";
import { approvalSchema, resolveApprovalPaths } from "./approval/settings.ts";
import { attestationSchema, resolveAttestationPaths } from "./attestation/settings.ts";
import { controlPlaneSchema } from "./control-plane-settings.ts";
import { resolveTokenPaths, tokensSchema } from "./custody/pkcs11/settings.ts";
import { KNOWN_CURVES, SAFE_CURVES, SAFE_RSA_BITS } from "./domain/key-policy.ts";
import { ML_DSA_SETS } from "./domain/ml-dsa.ts";
import { LARGEST_SPREAD, SMALLEST_SPREAD } from "./domain/spread.ts";
import { defaultIssuerSchema, furtherIssuersSchema, type IssuerSettings, issuerProblems } from "./issuer-settings.ts";
import { clusterSchema } from "./kubernetes/cluster-settings.ts";
import { mlDsaProblems } from "./ml-dsa-settings.ts";
import { pointerUrlSchema, resolveRevocationPaths, revocationSchema } from "./revocation-settings.ts";
import { expirySchema, resolveExpiryPaths } from "./rotation/expiry/settings.ts";
import { issuerRotationSchema, resolveIssuerRotationPaths } from "./rotation/issuers/settings.ts";
import { jobsSchema } from "./rotation/scheduler/settings.ts";
import { signersSchema } from "./signer-settings.ts";

const DAY_SECONDS = 86_400;
const MINIMUM_LEDGER_MEGABYTES = 16;

/** A problem in the configuration file or on the command line; the message names every path, value and way out. */
export class ConfigurationError extends Error {
  override readonly name = "ConfigurationError";
  /** Each problem by itself; empty when the message is all there is. */
  readonly problems: readonly ConfigurationProblem[];

  constructor(message: string, options: ErrorOptions & { readonly problems?: readonly ConfigurationProblem[] } = {}) {
    super(message, options);
    this.problems = options.problems ?? [];
  }
}

export interface ConfigurationProblem {
  /** For example `server.listen` or `rbac.files[0]`; empty for the whole. */
  readonly path: string;
  readonly message: string;
}

const listenAddress = z
  .string()
  .regex(
    /^(\[[0-9a-fA-F:]+\]|[^:\s]+):\d{1,5}$/,
    "must be HOST:PORT, for example 127.0.0.1:9443 (port 0 picks a free one)",
  )
  .refine((value) => Number(value.slice(value.lastIndexOf(":") + 1)) <= 65_535, "the port must be at most 65535");

const encryptionSchema = z.union([
  z.strictObject({ keyFile: z.string().min(1) }),
  z.strictObject({
    keyEnvironment: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "must be the name of an environment variable"),
  }),
  z.strictObject({
    /** A Kubernetes EncryptionConfiguration: several providers and keys, or a key management service. */
    configurationFile: z.string().min(1),
    /** How long a start waits for the KMS plugins that it needs. */
    kmsWaitSeconds: z.int().min(0).max(3600).default(60),
  }),
]);

const plainSchema = z.strictObject({
  apiVersion: z.literal("gatehouse.dev/v1"),
  kind: z.literal("GatehouseConfiguration"),
  dataDirectory: z.string().min(1).default("data"),
  server: z
    .strictObject({
      listen: listenAddress.default("127.0.0.1:9443"),
      /** A second listener that never asks for a client certificate: cheaper handshakes for machines that only bootstrap. */
      bootstrapListen: listenAddress.optional(),
      /** Further DNS names and addresses for the serving certificate. */
      names: z.array(z.string().min(1)).default([]),
      maxConnections: z.int().min(16).max(1_000_000).default(20_000),
      maxWatches: z.int().min(1).max(1_000_000).default(20_000),
    })
    .prefault({}),
  issuer: defaultIssuerSchema,
  /** Further issuers: roots above the default one, or for signers that have their own. */
  issuers: furtherIssuersSchema,
  /** Which issuer signs for which signer, the default one where nothing is said; and what further signers certify. */
  signers: signersSchema,
  /** PKCS #11 tokens that issuers have their keys in. */
  tokens: tokensSchema,
  /** How issuers are replaced, and where the trust bundle is kept. */
  issuerRotation: issuerRotationSchema,
  encryption: encryptionSchema.optional(),
  signing: z
    .strictObject({
      /** Longest lifetime of a certificate, as kube-controller-manager's --cluster-signing-duration. */
      maxDurationSeconds: z
        .int()
        .min(600)
        .max(3650 * DAY_SECONDS)
        .default(365 * DAY_SECONDS),
      workers: z.int().min(1).max(64).optional(),
      /** Where certificates say that the CRL of their issuer is; they say nothing without it. */
      crlUrl: pointerUrlSchema.optional(),
      /** Where they say that OCSP is answered. */
      ocspUrl: pointerUrlSchema.optional(),
      /** Shorter lifetimes for kubelets that ask for none, so that those that joined together do not renew together. */
      spread: z
        .strictObject({
          fraction: z
            .number()
            .max(LARGEST_SPREAD)
            .refine((fraction) => fraction === 0 || fraction >= SMALLEST_SPREAD, {
              error: `must be 0 for none, or at least ${SMALLEST_SPREAD}: kubelets spread as much by themselves`,
            })
            .default(0),
          /** No certificate is made shorter than this. */
          minimumSeconds: z
            .int()
            .min(600)
            .max(3650 * DAY_SECONDS)
            .default(8 * 3600),
        })
        .prefault({}),
    })
    .prefault({}),
  /** What expires, and who is told. */
  expiry: expirySchema,
  /** A control plane on this machine whose certificates are kept from expiring; none without it. */
  controlPlane: controlPlaneSchema,
  /** How what was revoked is told. */
  revocation: revocationSchema,
  /** Which public keys are certified, whoever approves. */
  keyPolicy: z
    .strictObject({
      minimumRsaBits: z.int().min(1024).max(16_384).default(SAFE_RSA_BITS),
      curves: z.array(z.enum(KNOWN_CURVES)).default([...SAFE_CURVES]),
      /** Post-quantum keys (RFC 9881), of subjects and of issuers: the parameter sets that are taken. */
      mlDsa: z.array(z.enum(ML_DSA_SETS)).default([]),
      allowKeyReuseAcrossNodes: z.boolean().default(false),
      /** One SHA-256 of a SubjectPublicKeyInfo a line, in hex. */
      blockedKeysFile: z.string().min(1).optional(),
      /** A list of Debian's package openssl-blacklist. */
      weakKeysFile: z.string().min(1).optional(),
    })
    .prefault({}),
  /** Who decides which requests are approved. */
  approval: approvalSchema,
  /** How machines prove what they are before they may join; nobody attests without it. */
  attestation: attestationSchema.optional(),
  authentication: authenticationSchema,
  authorization: authorizationSchema,
  bootstrapTokens: z
    .strictObject({
      /** Less safe: the secrets of tokens that sign can be read again by administrators, and by who has the custody's keys. */
      keepSigningSecrets: z.boolean().default(false),
      /** Anybody may read the server's address and CA from kube-public/cluster-info, which tokens that sign vouch for. */
      publishClusterInfo: z.boolean().default(false),
    })
    .prefault({}),
  rbac: z.strictObject({ files: z.array(z.string().min(1)).default([]) }).prefault({}),
  limits: z
    .strictObject({
      /** Bursts of ten times as much are let through. A bootstrap token that a whole herd shares is one identity. */
      requestsPerSecondPerIdentity: z.number().positive().max(1_000_000).default(5000),
      requestsPerSecondPerAddress: z.number().positive().max(1_000_000).default(5000),
      failedAuthenticationsPerMinutePerAddress: z.number().positive().max(1_000_000).default(300),
      maxStoredRequests: z.int().min(100).max(10_000_000).default(200_000),
    })
    .prefault({}),
  ledger: z
    .strictObject({
      compactionWindowSeconds: z.int().min(60).max(DAY_SECONDS).default(600),
      /** The file never grows beyond this, its last part only by removals; 0 for no bound. */
      maximumMegabytes: z
        .int()
        .min(0)
        .max(16 * 1024 * 1024)
        .refine((megabytes) => megabytes === 0 || megabytes >= MINIMUM_LEDGER_MEGABYTES, {
          error: `must be at least ${MINIMUM_LEDGER_MEGABYTES}, or 0 for no bound`,
        })
        .default(0),
      /** What deleted requests asked for is kept this long, and so many at most, for `policy replay`. */
      archive: z
        .strictObject({
          maxAgeDays: z.int().min(1).max(36_500).default(90),
          maxRequests: z.int().min(0).max(10_000_000).default(250_000),
        })
        .prefault({}),
      /** For measuring only: waits before every commit, as a slow disk would. */
      commitDelayMilliseconds: z.number().min(0).max(1000).default(0),
    })
    .prefault({}),
  /** What was asked, and by whom; nothing is recorded without it. */
  audit: auditSettingsSchema.optional(),
  /** For `gatehouse controller` alone: whose requests it works on in a cluster, and how. */
  cluster: clusterSchema,
  /** When jobs run; what is left out is as `KNOWN_JOBS` has it. */
  jobs: jobsSchema,
  cleaner: z.strictObject({ intervalSeconds: z.int().min(1).max(DAY_SECONDS).default(3600) }).prefault({}),
  log: z
    .strictObject({
      level: z.enum(["silent", "error", "warn", "info", "debug"]).default("info"),
      /** `auto` is text at a terminal and JSON everywhere else. */
      format: z.enum(["auto", "json", "text"]).default("auto"),
    })
    .prefault({}),
});

const configurationSchema = plainSchema.superRefine((configuration, context) => {
  for (const { path, message } of [...mlDsaProblems(configuration), ...issuerProblems(configuration)])
    context.addIssue({ code: "custom", path: [...path], message });
});

export type Configuration = z.infer<typeof configurationSchema>;

/** What the command line may override. */
export interface ConfigurationOverrides {
  readonly configFile?: string | undefined;
  readonly dataDirectory?: string | undefined;
  readonly listen?: string | undefined;
  readonly logLevel?: string | undefined;
}

/**
 * Reads the configuration file, if one is named, lays the command line over it and fills in the defaults. Paths in the
 * file are relative to the file; paths on the command line to the working directory.
 *
 * @throws {ConfigurationError} naming every problem by its path.
 */
export function loadConfiguration(overrides: ConfigurationOverrides): Configuration {
  const { configFile } = overrides;
  const raw = configFile === undefined ? emptyDocument() : readDocument(configFile);
  const parsed = configurationSchema.safeParse(raw);
  if (!parsed.success) throw invalid(`${configFile ?? "configuration"} is not valid`, parsed.error);
  const configuration = applyOverrides(parsed.data, overrides);
  return resolvePaths(
    configuration,
    configFile === undefined ? process.cwd() : dirname(resolve(configFile)),
    overrides,
  );
}

function emptyDocument(): unknown {
  return { apiVersion: "gatehouse.dev/v1", kind: "GatehouseConfiguration" };
}

function readDocument(configFile: string): unknown {
  const text = readText(configFile);
  const document = parseDocument(text);
  const [problem] = document.errors;
  if (problem !== undefined) throw new ConfigurationError(`${configFile} is not valid YAML: ${problem.message}`);
  return document.toJS({ maxAliasCount: 100 });
}

function readText(configFile: string): string {
  try {
    return readFileSync(configFile, "utf8");
  } catch (cause) {
    throw new ConfigurationError(`cannot read the configuration file ${configFile}: ${(cause as Error).message}`, {
      cause,
    });
  }
}

function applyOverrides(configuration: Configuration, { listen, logLevel }: ConfigurationOverrides): Configuration {
  const merged = {
    ...configuration,
    server: { ...configuration.server, ...(listen !== undefined && { listen }) },
    log: { ...configuration.log, ...(logLevel !== undefined && { level: logLevel }) },
  };
  const parsed = configurationSchema.safeParse(merged);
  if (!parsed.success) throw invalid("the command line is not valid", parsed.error);
  return parsed.data;
}

function invalid(what: string, error: z.ZodError): ConfigurationError {
  const problems = error.issues.map(({ path, message }) => ({ path: z.core.toDotPath(path), message }));
  return new ConfigurationError(`${what}:\n${z.prettifyError(error)}`, { problems });
}

function resolvePaths(
  configuration: Configuration,
  base: string,
  { dataDirectory }: ConfigurationOverrides,
): Configuration {
  const { issuer, issuers, encryption, keyPolicy, rbac, attestation } = configuration;
  const { blockedKeysFile, weakKeysFile } = keyPolicy;
  return {
    ...configuration,
    keyPolicy: {
      ...keyPolicy,
      ...(blockedKeysFile !== undefined && { blockedKeysFile: resolve(base, blockedKeysFile) }),
      ...(weakKeysFile !== undefined && { weakKeysFile: resolve(base, weakKeysFile) }),
    },
    dataDirectory: dataDirectory === undefined ? resolve(base, configuration.dataDirectory) : resolve(dataDirectory),
    issuer: resolveIssuer(issuer, base),
    issuers: issuers.map((further) => resolveIssuer(further, base)),
    tokens: resolveTokenPaths(configuration.tokens, (path) => resolve(base, path)),
    ...(attestation && { attestation: resolveAttestationPaths(attestation, (path) => resolve(base, path)) }),
    ...(encryption && { encryption: resolveEncryption(encryption, base) }),
    ...(configuration.controlPlane && {
      controlPlane: { ...configuration.controlPlane, directory: resolve(base, configuration.controlPlane.directory) },
    }),
    revocation: resolveRevocationPaths(configuration.revocation, (path) => resolve(base, path)),
    approval: resolveApprovalPaths(configuration.approval, (path) => resolve(base, path)),
    authentication: resolveAuthenticationPaths(configuration.authentication, (path) => resolve(base, path)),
    authorization: resolveAuthorizationPaths(configuration.authorization, (path) => resolve(base, path)),
    issuerRotation: resolveIssuerRotationPaths(configuration.issuerRotation, base),
    expiry: resolveExpiryPaths(configuration.expiry, (path) => resolve(base, path)),
    rbac: { files: rbac.files.map((file) => resolve(base, file)) },
    ...(configuration.audit && { audit: resolveAuditPaths(configuration.audit, base) }),
  };
}

function resolveIssuer<T extends Pick<IssuerSettings, "import">>(issuer: T, base: string): T {
  if (issuer.import === undefined) return issuer;
  const { certificateFile, keyFile, chainFile } = issuer.import;
  const files = {
    certificateFile: resolve(base, certificateFile),
    ...(keyFile !== undefined && { keyFile: resolve(base, keyFile) }),
    ...(chainFile !== undefined && { chainFile: resolve(base, chainFile) }),
  };
  return { ...issuer, import: files };
}

function resolveEncryption(encryption: NonNullable<Configuration["encryption"]>, base: string) {
  if ("keyFile" in encryption) return { keyFile: resolve(base, encryption.keyFile) };
  if ("keyEnvironment" in encryption) return encryption;
  return { ...encryption, configurationFile: resolve(base, encryption.configurationFile) };
}
