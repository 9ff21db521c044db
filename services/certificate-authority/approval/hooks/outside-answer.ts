import { z } from "zod";
import { parseJsonText } from "../../../shared/kubernetes/json-text.ts";
import { isPrintable } from "../../../shared/unprintable.ts";
import type { Verdict } from "../../domain/decision.ts";

const MAXIMUM_EVIDENCE_CHARACTERS = 4096;
const MAXIMUM_EVIDENCE_DEPTH = 8;

/** As it came: what is made of a record first has no `__proto__` any more. */
const evidenceSchema = z
  .unknown()
  .superRefine((evidence, context) => {
    const problem = evidenceProblem(evidence);
    if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
  })
  .meta({ type: "object", propertyNames: { type: "string" }, additionalProperties: {} })
  .pipe(z.record(z.string(), z.unknown()));

/** What programs and services answer. Anything else, further keys included, is no answer. */
export const answerSchema = z.strictObject({
  decision: z.enum(["approve", "deny", "noOpinion", "skip"]),
  /** One word for programs; becomes the condition's reason. */
  reason: z
    .string()
    .regex(/^[A-Za-z][A-Za-z0-9]{0,63}$/, "must be one word of at most 64 letters and digits")
    .optional(),
  /** A sentence for people; becomes the condition's message. */
  message: z
    .string()
    .min(1)
    .max(1024)
    .refine(isPrintable, "must hold no control characters and no line breaks")
    .optional(),
  /** The request's, so that no answer is taken for another's. */
  uid: z.string().max(128).optional(),
  /** What the decision rests on, for `explain` and replay; never secrets. */
  evidence: evidenceSchema.optional(),
});

export type OutsideAnswer = z.infer<typeof answerSchema>;

const KINDS = { approve: "approved", deny: "denied", noOpinion: "noOpinion", skip: "skipped" } as const;
const WORDS = { approve: "Approved", deny: "Denied", noOpinion: "NoOpinion", skip: "Skipped" } as const;
const SENTENCES = {
  approve: "approves the request",
  deny: "denies the request",
  noOpinion: "has no opinion on the request",
  skip: "says that the request is none of its business",
} as const;

/** Who answered, in default reasons and messages: `Script` and `the script`. */
export type Answerer = "script" | "webhook";

/**
 * Parses what somebody outside answered. Nothing of the answer's own text is in the error, but names of its fields.
 *
 * @throws {Error} when it is not JSON, or a key stands in it twice.
 */
export function parseOutsideJson(text: string): unknown {
  let parsed: ReturnType<typeof parseJsonText>;
  try {
    parsed = parseJsonText(text);
  } catch (cause) {
    throw new Error("the answer is not valid JSON", { cause });
  }
  if (parsed.duplicates.length > 0) throw new Error("the answer has a key twice");
  return parsed.value;
}

/** What an answer is checked against. */
export interface Asked {
  readonly answerer: Answerer;
  /** Of the request. */
  readonly uid: string;
  /** Whether the answer has to say so. */
  readonly isUidNeeded?: boolean;
}

/** @throws {Error} when the value is not an answer to what was asked, naming the first field that is wrong. */
export function verdictOf(value: unknown, { answerer, uid, isUidNeeded = false }: Asked): Verdict {
  const parsed = answerSchema.safeParse(value);
  if (!parsed.success) throw new Error(problemOf(parsed.error));
  const answered = parsed.data.uid ?? (isUidNeeded ? undefined : uid);
  if (answered !== uid) throw new Error("the answer's uid is not that of the request");
  return toVerdict(parsed.data, answerer);
}

/** Fills in what the answer does not say. */
export function toVerdict(
  { decision, reason, message, evidence = {} }: Omit<OutsideAnswer, "uid">,
  answerer: Answerer,
): Verdict {
  const title = `${answerer.charAt(0).toUpperCase()}${answerer.slice(1)}`;
  return {
    kind: KINDS[decision],
    reason: reason ?? `${title}${WORDS[decision]}`,
    message: message ?? `the ${answerer} ${SENTENCES[decision]}`,
    evidence,
  };
}

/** Names of keys that we do not know came from outside, so they are left out. */
function problemOf({ issues: [issue] }: z.ZodError): string {
  if (issue === undefined) return "the answer is not a decision";
  if (issue.code === "unrecognized_keys") return "the answer has keys that mean nothing";
  const field = typeof issue.path[0] === "string" ? `the answer's ${issue.path[0]}` : "the answer";
  return `${field} is not as it should be: ${issue.message}`;
}

function evidenceProblem(evidence: unknown): string | undefined {
  const problem = textProblem(evidence, 1);
  if (problem !== undefined) return problem;
  if ((JSON.stringify(evidence) ?? "").length <= MAXIMUM_EVIDENCE_CHARACTERS) return undefined;
  return `must be at most ${MAXIMUM_EVIDENCE_CHARACTERS} characters of JSON`;
}

function textProblem(value: unknown, depth: number): string | undefined {
  if (depth > MAXIMUM_EVIDENCE_DEPTH) return `must be nested at most ${MAXIMUM_EVIDENCE_DEPTH} deep`;
  if (typeof value === "string") return isPrintable(value) ? undefined : "must hold no control characters";
  if (typeof value !== "object" || value === null) return undefined;
  for (const [key, inner] of Object.entries(value)) {
    // `__proto__` would be a prototype to whoever copies the evidence carelessly.
    if (key === "__proto__" || !isPrintable(key)) return "must have keys of printable characters";
    const problem = textProblem(inner, depth + 1);
    if (problem !== undefined) return problem;
  }
  return undefined;
}
