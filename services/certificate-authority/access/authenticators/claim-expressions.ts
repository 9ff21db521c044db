import { z } from "zod";
import { type CelProgram, compileCel } from "../../../shared/cel/cel.ts";
import type { CelResult } from "../../../shared/cel/cel-answers.ts";
import { CelError } from "../../../shared/cel/cel-error.ts";

/**
 * What the expressions of an issuer may speak of: `claims`, the token's claims as JSON has them, and, in the rules for
 * users, `user` with what the mappings made of them.
 *
 * Source: kubernetes staging/src/k8s.io/apiserver/pkg/authentication/cel/compile.go.
 */
const VARIABLES = {
  claims: { claims: "map<string, dyn>" },
  user: {
    user: {
      fields: {
        username: "string",
        uid: "string",
        groups: "list<string>",
        extra: "map<string, list<string>>",
      },
    },
  },
} as const;

/** The variable an expression is about. */
export type Subject = keyof typeof VARIABLES;

/** @param where - the field of the configuration. @throws {CelError} */
export function compileExpression<Result extends CelResult>(
  source: string,
  subject: Subject,
  result: Result,
  where: string,
): CelProgram<Result> {
  return compileCel(source, { variables: VARIABLES[subject], result, where });
}

/** A setting: an expression about `subject` that can answer `result`. */
export function expressionSchema(subject: Subject, result: CelResult) {
  return z.string().superRefine((source, context) => {
    try {
      compileExpression(source, subject, result, "");
    } catch (error) {
      if (!(error instanceof CelError)) throw error;
      context.addIssue({ code: "custom", message: `is no usable CEL expression: ${error.detail}` });
    }
  });
}

/** The fields of claims that an expression names; none when it cannot be read, which its own schema says. */
export function claimsNamedIn(source: string): ReadonlySet<string> {
  try {
    return compileExpression(source, "claims", "dyn", "").reads;
  } catch (error) {
    if (error instanceof CelError) return new Set();
    throw error;
  }
}
