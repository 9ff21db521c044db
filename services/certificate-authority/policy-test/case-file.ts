import { readFileSync, statSync } from "node:fs";
import { parseDocument } from "yaml";
import { z } from "zod";

const MAXIMUM_BYTES = 16 * 1024 * 1024;
const MAXIMUM_CASES = 10_000;

/** What is wrong with a file of cases; the message names the file and every field. */
export class PolicyTestError extends Error {
  override readonly name = "PolicyTestError";
}

const text = z.string().max(4096);
const texts = z.array(text).max(1000);
const instant = z.iso.datetime({ offset: true });
const sansShape = { dnsNames: texts, emailAddresses: texts, ipAddresses: texts, uris: texts };
const sans = z.strictObject(sansShape).partial();
const kind = z.enum(["approved", "denied", "noOpinion", "skipped", "failed"]);

/** Pieces of a ReviewDocument; what is left out is as it usually is for the signer. */
const givenSchema = z.strictObject({
  now: instant.optional(),
  request: z
    .strictObject({
      name: text,
      uid: text,
      createdAt: instant,
      signerName: text,
      usages: texts,
      expirationSeconds: z.int().min(0),
      labels: z.record(z.string(), text),
      annotations: z.record(z.string(), text),
    })
    .partial()
    .optional(),
  requester: z
    .strictObject({ username: text, uid: text, groups: texts, extra: z.record(z.string(), texts) })
    .partial()
    .optional(),
  subject: z
    .strictObject({
      ...{ country: texts, organization: texts, organizationalUnit: texts, locality: texts, province: texts },
      ...{ streetAddress: texts, postalCode: texts, commonName: text, serialNumber: text },
    })
    .partial()
    .optional(),
  sans: sans.optional(),
  key: z
    .strictObject({
      algorithm: z.enum(["RSA", "ECDSA", "Ed25519"]),
      bits: z.int().min(0).max(65_536),
      curve: text,
      spkiSha256: z.string().regex(/^[0-9a-f]{64}$/, "must be 64 small hexadecimal digits"),
    })
    .partial()
    .optional(),
  /** Short for the common name `system:node:<name>`. */
  nodeName: text.min(1).optional(),
  /** Short for what a bound bootstrap token adds to `requester.extra`. */
  boundNodeName: text.min(1).optional(),
  previous: z
    .array(
      z
        .strictObject({
          ...{ serial: text, fingerprint: text, state: z.enum(["valid", "expired", "revoked"]), spkiSha256: text },
          ...{ notBefore: instant, notAfter: instant, issuedAt: instant, requester: text, sans },
        })
        .partial(),
    )
    .max(10)
    .optional(),
  /** That the node's name is bound to a machine. */
  binding: z
    .strictObject({
      ...{ id: text, attestor: text, machineId: text, profile: text, fields: z.record(z.string(), text) },
      ...{
        dnsNames: texts,
        ipAddresses: texts,
        attestedAt: instant,
        isEnrolled: z.boolean(),
        isRequester: z.boolean(),
      },
    })
    .partial()
    .optional(),
});

const outcome = z.enum(["approved", "denied", "pending", "failed"]);
const expectedSchema = z.strictObject({
  /** `failed`: pending, because a hook could not evaluate. */
  outcome,
  /** The hook that settles it. */
  hook: text.optional(),
  reason: text.optional(),
  /** A rule of a policy that decides, or keeps the policy from approving. */
  rule: text.optional(),
  /** Part of the message. */
  message: text.optional(),
});
const expectationSchema = z.union([outcome.transform((value): Expectation => ({ outcome: value })), expectedSchema]);

const verdictSchema = z.union([
  kind.transform((value) => ({ kind: value })),
  z.strictObject({ kind, reason: text.optional(), message: text.optional() }),
]);

const caseSchema = z.strictObject({
  name: text.min(1),
  given: givenSchema.optional(),
  /** A CSR in PEM, instead of given.subject, sans and key; relative to the file of cases. */
  csrFile: z.string().min(1).optional(),
  /** By the names of hooks: what those say that need a person, a server or a program. */
  verdicts: z.record(z.string(), verdictSchema).optional(),
  expect: expectationSchema,
});

const caseFileSchema = z.strictObject({
  apiVersion: z.literal("gatehouse.dev/v1"),
  kind: z.literal("PolicyTest"),
  /** What every case begins with. */
  defaults: z.strictObject({ given: givenSchema.optional(), verdicts: caseSchema.shape.verdicts }).optional(),
  cases: z.array(caseSchema).min(1).max(MAXIMUM_CASES),
});

export type Given = z.infer<typeof givenSchema>;
export type Expectation = z.infer<typeof expectedSchema>;
export type PolicyCase = z.infer<typeof caseSchema>;
export type CaseFile = z.infer<typeof caseFileSchema>;

/** @throws {PolicyTestError} naming every field that is wrong. */
export function readCaseFile(file: string): CaseFile {
  const parsed = caseFileSchema.safeParse(parse(readText(file), file));
  if (!parsed.success) throw new PolicyTestError(`${file} is not valid:\n${z.prettifyError(parsed.error)}`);
  const names = parsed.data.cases.map(({ name }) => name);
  const repeated = names.find((name, index) => names.indexOf(name) !== index);
  if (repeated !== undefined) throw new PolicyTestError(`${file} has two cases named ${JSON.stringify(repeated)}`);
  return parsed.data;
}

function parse(source: string, file: string): unknown {
  try {
    const document = parseDocument(source);
    const [problem] = document.errors;
    if (problem !== undefined) throw problem;
    return document.toJS({ maxAliasCount: 1000 });
  } catch (cause) {
    throw new PolicyTestError(`${file} is not valid YAML: ${(cause as Error).message}`, { cause });
  }
}

function readText(file: string): string {
  try {
    if (statSync(file).size > MAXIMUM_BYTES) throw new Error(`it is larger than ${MAXIMUM_BYTES} bytes`);
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new PolicyTestError(`cannot read ${file}: ${(cause as Error).message}`, { cause });
  }
}
