import { parseDocument } from "yaml";
import { z } from "zod";
import { CustodyError } from "../custody-error.ts";
import { KEY_LENGTHS, type LocalProvider } from "./local-keys.ts";

/** What covers the issuers' keys, in the group's own form and in Kubernetes' `<resource>.<group>`. */
const OUR_RESOURCES: ReadonlySet<string> = new Set([
  "gatehouse.dev/issuers",
  "issuers.gatehouse.dev",
  "*.gatehouse.dev",
  "*.*",
]);
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const DEFAULT_TIMEOUT = "3s";
const GO_DURATION = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h))+$/;
const MILLISECONDS_PER_UNIT: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const MAX_TIMEOUT_MILLISECONDS = 600_000;

/** Messages never show a secret, so the schema says only how long it is. */
function keysOf(provider: LocalProvider) {
  const lengths = KEY_LENGTHS[provider];
  const secret = z.string().transform((text, context) => {
    const bytes = BASE64.test(text) ? Buffer.from(text, "base64") : undefined;
    if (bytes !== undefined && lengths.includes(bytes.length)) return bytes;
    const found = bytes === undefined ? "this is no base64" : `these are ${bytes.length}`;
    context.addIssue({ code: "custom", message: `must be base64 of ${lengths.join(", ")} octets; ${found}` });
    return z.NEVER;
  });
  const key = z.strictObject({ name: z.string().min(1).max(256), secret });
  return z.strictObject({ keys: z.array(key).min(1) });
}

const timeout = z
  .string()
  .regex(GO_DURATION, "must be a duration such as 3s")
  .transform(millisecondsOf)
  .refine((value) => value > 0 && value <= MAX_TIMEOUT_MILLISECONDS, "must be more than 0 and at most 10m");

const kms = z.strictObject({
  apiVersion: z.literal("v2", "must be v2; Gatehouse does not speak v1, which Kubernetes has deprecated"),
  name: z
    .string()
    .min(1)
    .max(256)
    .regex(/^[^:]*$/, "must not contain a colon"),
  endpoint: z.string().regex(/^unix:\/\/\/./, "must be a Unix socket, as in unix:///run/kms.sock"),
  timeout: timeout.prefault(DEFAULT_TIMEOUT),
});

const PROVIDERS = {
  aesgcm: keysOf("aesgcm"),
  aescbc: keysOf("aescbc"),
  secretbox: keysOf("secretbox"),
  identity: z.preprocess((value) => value ?? {}, z.strictObject({})),
  kms,
};

const provider = z
  .strictObject(PROVIDERS)
  .partial()
  .refine((value) => Object.keys(value).length === 1, "must name exactly one provider");

const schema = z.strictObject({
  apiVersion: z.literal("apiserver.config.k8s.io/v1"),
  kind: z.literal("EncryptionConfiguration"),
  resources: z
    .array(z.strictObject({ resources: z.array(z.string().min(1)).min(1), providers: z.array(provider).min(1) }))
    .min(1),
});

/** Exactly one of its properties is set. */
export type ProviderSettings = z.infer<typeof provider>;

/**
 * Reads Kubernetes' EncryptionConfiguration. The first entry whose resources cover the issuers' keys counts, as in
 * kube-apiserver; the others are checked and left to it.
 *
 * @param path - for messages.
 * @returns its providers in their order, at least one.
 * @throws {CustodyError} EncryptionConfigurationInvalid, naming every problem by its path and never showing a secret.
 * Source: kubernetes staging/src/k8s.io/apiserver/pkg/apis/apiserver/v1/types_encryption.go and
 * validation/validation_encryption.go.
 */
export function parseEncryptionConfiguration(text: string, path: string): readonly ProviderSettings[] {
  const parsed = schema.safeParse(parseYaml(text, path));
  if (!parsed.success) throw invalid(path, `is not valid:\n${z.prettifyError(parsed.error)}`);
  const entry = parsed.data.resources.find(({ resources }) => resources.some((name) => OUR_RESOURCES.has(name)));
  if (entry === undefined) {
    throw invalid(path, 'has no entry for Gatehouse: list "gatehouse.dev/issuers" or "*.*" among its resources');
  }
  const names = parsed.data.resources.flatMap(({ providers }) => providers.flatMap((each) => each.kms?.name ?? []));
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw invalid(path, `names two KMS providers ${JSON.stringify(twice)}; names must differ`);
  return entry.providers;
}

function parseYaml(text: string, path: string): unknown {
  const document = parseDocument(text, { logLevel: "error", prettyErrors: false });
  const [problem] = document.errors;
  // The parser's own words may quote the line, and with it a key.
  if (problem !== undefined) throw invalid(path, `is not valid YAML (${problem.code} at offset ${problem.pos[0]})`);
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch {
    throw invalid(path, "is not valid YAML: it leans on aliases too much");
  }
}

function millisecondsOf(duration: string): number {
  const parts = duration.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g);
  return [...parts].reduce((sum, [, count, unit = ""]) => sum + Number(count) * (MILLISECONDS_PER_UNIT[unit] ?? 0), 0);
}

function invalid(path: string, problem: string): CustodyError {
  return new CustodyError("EncryptionConfigurationInvalid", `the encryption configuration ${path} ${problem}`);
}
