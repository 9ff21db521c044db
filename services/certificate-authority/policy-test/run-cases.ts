import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { CsrFacts } from "../domain/csr-facts.ts";
import type { Decision, TraceEntry } from "../domain/decision.ts";
import type { LocalChain, StatedVerdict } from "../local-chain.ts";
import { STATED_GUARDS } from "../local-guards.ts";
import { caseDocument } from "./case-document.ts";
import { type CaseFile, type Expectation, type PolicyCase, PolicyTestError } from "./case-file.ts";

/** What became of a case. */
export interface CaseResult {
  readonly name: string;
  readonly hasPassed: boolean;
  readonly expected: Expectation;
  readonly outcome: Expectation["outcome"];
  readonly hook: string | undefined;
  readonly reason: string;
  readonly message: string;
  /** What is not as expected, in words; empty when the case has passed. */
  readonly differences: readonly string[];
  readonly trace: readonly TraceEntry[];
}

/** Finds out what a CSR says. */
export type ReadCsr = (pem: string) => CsrFacts;

/** The guards whose verdicts may be stated: they look at more than a document tells. */
const GUARDS: readonly string[] = ["key-policy", ...STATED_GUARDS];

/**
 * Asks the chain about every case.
 *
 * @param file - where the cases stand; the paths in them are relative to it.
 * @throws {PolicyTestError} when a case cannot be asked about.
 */
export async function runCases(
  { defaults, cases }: CaseFile,
  file: string,
  chain: LocalChain,
  readCsr: ReadCsr,
): Promise<readonly CaseResult[]> {
  const results: CaseResult[] = [];
  for (const each of cases) {
    const where = `${file}: case ${JSON.stringify(each.name)}`;
    const question = questionOf(each, defaults, dirname(resolve(file)), readCsr, where);
    checkVerdicts(question.verdicts, chain, where);
    results.push(resultOf(each, await chain.review(question)));
  }
  return results;
}

function questionOf(
  { given = {}, csrFile, verdicts }: PolicyCase,
  defaults: CaseFile["defaults"],
  base: string,
  readCsr: ReadCsr,
  where: string,
) {
  try {
    if (csrFile !== undefined && (given.subject ?? given.sans ?? given.key) !== undefined)
      throw new PolicyTestError("has a csrFile, which says subject, sans and key; leave them out of given");
    const facts = csrFile === undefined ? undefined : readCsr(readFileSync(resolve(base, csrFile), "utf8"));
    const document = caseDocument(layered(defaults?.given ?? {}, given), facts);
    return {
      document,
      ...(facts !== undefined && { facts }),
      verdicts: new Map(Object.entries({ ...defaults?.verdicts, ...verdicts })) as ReadonlyMap<string, StatedVerdict>,
    };
  } catch (cause) {
    throw new PolicyTestError(`${where}: ${(cause as Error).message}`, { cause });
  }
}

/** The parts of a case lie over those of the defaults, field by field. */
function layered(
  below: PolicyCase["given"] & object,
  above: PolicyCase["given"] & object,
): PolicyCase["given"] & object {
  const part = <T extends object>(one: T | undefined, other: T | undefined) => (one || other) && { ...one, ...other };
  return {
    ...below,
    ...above,
    request: part(below.request, above.request),
    requester: part(below.requester, above.requester),
    subject: part(below.subject, above.subject),
    sans: part(below.sans, above.sans),
    key: part(below.key, above.key),
  };
}

function checkVerdicts(verdicts: ReadonlyMap<string, unknown>, { hooks }: LocalChain, where: string): void {
  const stated = [...hooks.filter(({ isStated }) => isStated).map(({ name }) => name), ...GUARDS];
  const unknown = [...verdicts.keys()].find((name) => !stated.includes(name));
  if (unknown === undefined) return;
  const why = hooks.some(({ name }) => name === unknown) ? "judges by itself" : "is no hook of the chain";
  throw new PolicyTestError(`${where}: verdicts.${unknown}: ${unknown} ${why}; stated are: ${stated.join(", ")}`);
}

function resultOf({ name, expect }: PolicyCase, decision: Decision): CaseResult {
  const { hook, reason, message, trace } = decision;
  const outcome =
    trace.some(({ kind }) => kind === "failed") && decision.outcome === "pending" ? "failed" : decision.outcome;
  const differences = differencesOf(expect, { ...decision, outcome });
  return {
    ...{ name, outcome, hook, reason, message, trace, differences },
    expected: expect,
    hasPassed: differences.length === 0,
  };
}

function differencesOf(
  expected: Expectation,
  found: Omit<Decision, "outcome"> & Pick<Expectation, "outcome">,
): readonly string[] {
  const differs = (what: string, want: string | undefined, got: string): readonly string[] =>
    want === undefined || want === got ? [] : [`${what}: expected ${want}, got ${got}`];
  const rules = found.trace.flatMap(({ evidence }) => ("rule" in evidence ? [String(evidence["rule"])] : []));
  const hasRule = expected.rule === undefined || rules.includes(expected.rule);
  const hasMessage = expected.message === undefined || found.message.includes(expected.message);
  return [
    ...differs("outcome", expected.outcome, found.outcome),
    ...differs("hook", expected.hook, found.hook ?? "nobody"),
    ...differs("reason", expected.reason, found.reason),
    ...(hasRule ? [] : [`rule: expected ${expected.rule}, got ${rules.join(", ") || "none"}`]),
    ...(hasMessage
      ? []
      : [`message: expected ${JSON.stringify(expected.message)} in ${JSON.stringify(found.message)}`]),
  ];
}
