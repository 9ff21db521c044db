import { z } from "zod";

const MAXIMUM_RULES = 200;
const MAXIMUM_NAMES = 50;

/** `true` and `false` are truth values in YAML, and expressions too. */
const expression = z.preprocess(
  (value) => (typeof value === "boolean" ? String(value) : value),
  z.string().trim().min(1).max(8192),
);
const sentence = z.string().min(1).max(1000);
const ruleName = z
  .string()
  .regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, "must be lower-case letters, digits and -, at most 63 characters");
/** A name that expressions may use as it is. */
const identifier = z
  .string()
  .regex(/^[a-z][A-Za-z0-9_]{0,62}$/, "must begin with a small letter and be letters, digits and _, at most 63");

const ruleSchema = z
  .strictObject({
    name: ruleName,
    /** For people only. */
    description: sentence.optional(),
    /** Whether the rule says anything about a request; it always does when absent. */
    when: expression.optional(),
    /** Denies where it is true. */
    deny: expression.optional(),
    /** Where it is not true, what `otherwise` says happens. */
    require: expression.optional(),
    /** Approves where it is true and no other rule of the policy objects. */
    approve: expression.optional(),
    /** `hold` keeps this policy from approving; where its hook is required, it keeps everybody but people from it. */
    otherwise: z.enum(["deny", "hold"]).optional(),
    /** What people read. */
    message: sentence.optional(),
    /** The same as an expression that answers a text; where it has no answer, `message` is said. */
    messageExpression: expression.optional(),
    /** What programs read. */
    reason: z
      .string()
      .regex(/^[A-Z][A-Za-z0-9]{0,62}$/, "must be a word such as NameNotOurs, at most 63 characters")
      .optional(),
  })
  .superRefine(({ deny, require, approve, otherwise }, context) => {
    const effects = [deny, require, approve].filter((effect) => effect !== undefined).length;
    if (effects !== 1)
      context.addIssue({ code: "custom", message: "a rule has exactly one of deny, require and approve" });
    if (otherwise !== undefined && require === undefined)
      context.addIssue({ code: "custom", path: ["otherwise"], message: "goes with require only" });
  });

const parameterValue = z.union([z.boolean(), z.int(), z.string().max(1000), z.array(z.string().max(1000)).max(1000)]);

const includeShape = {
  /** Begins the names of its rules, so that one file can be included several times. */
  as: ruleName.optional(),
  /** Whether the included rules say anything about a request. */
  when: expression.optional(),
  /** Values of its parameters. */
  with: z.record(identifier, parameterValue).optional(),
};

const includeSchema = z.strictObject({ include: z.string().min(1).max(1000), ...includeShape });
const librarySchema = z.strictObject({ library: ruleName, ...includeShape });

/**
 * One entry of the list of rules: a rule, another file of rules, or one of those that come with Gatehouse. Which of them
 * is meant is told by its keys, so that what is wrong with it is told in its own words.
 */
const entrySchema = z.unknown().transform((value, context): PolicyRule | PolicyInclude => {
  const keys = Object.keys(Object(value));
  const inclusion = keys.includes("library") ? librarySchema : includeSchema;
  const parsed = (keys.includes("library") || keys.includes("include") ? inclusion : ruleSchema).safeParse(value);
  if (parsed.success) return parsed.data;
  for (const { path, message } of parsed.error.issues) context.addIssue({ code: "custom", path: [...path], message });
  return z.NEVER;
});

const entriesSchema = z.array(entrySchema).max(MAXIMUM_RULES);
const variablesSchema = z
  .record(identifier, expression)
  .refine((variables) => Object.keys(variables).length <= MAXIMUM_NAMES, `must be at most ${MAXIMUM_NAMES}`);

const PARAMETER_TYPES = ["bool", "int", "string", "list<string>"] as const;

const parameterSchema = z.strictObject({
  type: z.enum(PARAMETER_TYPES),
  description: sentence.optional(),
  /** Without one, whoever includes the file has to give a value. */
  default: parameterValue.optional(),
});

/** What a hook of kind `policy` is told besides what every hook is told: a file of rules, or the rules themselves. */
export const policyShape = {
  file: z.string().min(1).max(4096).optional(),
  /** Expressions by the names that rules, and variables further down, use them by. */
  variables: variablesSchema.optional(),
  rules: entriesSchema.min(1).optional(),
};

/** A file of rules. */
export const policyFileSchema = z.strictObject({
  apiVersion: z.literal("gatehouse.dev/v1"),
  kind: z.literal("ApprovalPolicy"),
  description: z.string().max(4000).optional(),
  parameters: z.record(identifier, parameterSchema).optional(),
  variables: variablesSchema.optional(),
  rules: entriesSchema.min(1),
});

export type PolicyFile = z.infer<typeof policyFileSchema>;
export type PolicyRule = z.infer<typeof ruleSchema>;
export type PolicyInclude = z.infer<typeof includeSchema> | z.infer<typeof librarySchema>;
export type PolicyEntry = PolicyRule | PolicyInclude;
export type ParameterValue = z.infer<typeof parameterValue>;
export type Parameter = z.infer<typeof parameterSchema>;
