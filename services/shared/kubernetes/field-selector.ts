import { StatusError } from "../status-error.ts";

/** One term of a field selector; terms are joined by AND. */
export interface FieldRequirement {
  readonly field: string;
  readonly equal: boolean;
  readonly value: string;
}

const MAX_TERMS = 100;

/**
 * Reads `a=b,c!=d`. A backslash escapes `\`, `,` and `=` in values; empty terms are skipped, also `=` and `!=`.
 *
 * @param fields - the fields that may be selected by; any when undefined.
 * @throws {StatusError} BadRequest for any other field or when the text is no selector.
 *
 * Source: kubernetes staging/src/k8s.io/apimachinery/pkg/fields/selector.go.
 */
export function parseFieldSelector(text: string, fields?: readonly string[]): readonly FieldRequirement[] {
  const terms = splitTerms(text).filter((term) => term !== "");
  if (terms.length > MAX_TERMS) throw new StatusError("BadRequest", "the field selector has too many terms");
  const requirements = terms.map(parseTerm).filter(({ field, value }) => field !== "" || value !== "");
  return requirements.map((requirement) => {
    if (fields !== undefined && !fields.includes(requirement.field)) {
      throw new StatusError("BadRequest", `field label not supported: ${requirement.field.slice(0, 200)}`);
    }
    return requirement;
  });
}

function splitTerms(text: string): string[] {
  const terms: string[] = [];
  let start = 0;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (character === "\\") at += 1;
    else if (character === ",") {
      terms.push(text.slice(start, at));
      start = at + 1;
    }
  }
  terms.push(text.slice(start));
  return terms;
}

function parseTerm(term: string): FieldRequirement {
  const equals = term.indexOf("=");
  if (equals < 0) throw new StatusError("BadRequest", `the field selector term ${quote(term)} has no operator`);
  const equal = term[equals - 1] !== "!";
  const isDouble = equal && term[equals + 1] === "=";
  const field = term.slice(0, equal ? equals : equals - 1);
  return { field, equal, value: unescapeValue(term.slice(equals + (isDouble ? 2 : 1)), term) };
}

function unescapeValue(value: string, term: string): string {
  let result = "";
  for (let at = 0; at < value.length; at += 1) {
    let character = value[at] ?? "";
    const isEscape = character === "\\";
    if (isEscape) character = value[++at] ?? "";
    const isSpecial = character !== "" && "\\,=".includes(character);
    if (isEscape !== isSpecial) throw new StatusError("BadRequest", `bad escape in the field selector ${quote(term)}`);
    result += character;
  }
  return result;
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 200));
}
