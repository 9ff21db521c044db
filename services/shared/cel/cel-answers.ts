import { type CelOutput, fromCelValue } from "./cel-values.ts";

/** What an expression may be expected to answer, and what that is outside the language. */
export interface CelAnswers {
  bool: boolean;
  string: string;
  int: number | bigint;
  timestamp: Date;
  "list<string>": readonly string[];
  "string or list<string>": string | readonly string[];
  "string or list<string> or null": string | readonly string[] | null;
  dyn: CelOutput;
}

/** What an expression is expected to answer. */
export type CelResult = keyof CelAnswers;

/** Types of the language, as the library names them, that may turn out to be what is expected. */
const POSSIBLE: Readonly<Record<CelResult, RegExp>> = {
  bool: /^(bool|dyn)$/,
  string: /^(string|dyn)$/,
  int: /^(int|dyn)$/,
  timestamp: /^(google\.protobuf\.Timestamp|dyn)$/,
  "list<string>": /^(list|list<(string|dyn|[A-Z])>|dyn)$/,
  "string or list<string>": /^(string|list|list<(string|dyn|[A-Z])>|dyn)$/,
  "string or list<string> or null": /^(string|null|list|list<(string|dyn|[A-Z])>|dyn)$/,
  dyn: /^(?!optional|type$|.*net\.)/,
};

/** @throws {Error} when an expression of this type can never answer what is expected. */
export function expectType(type: string, result: CelResult): void {
  if (!POSSIBLE[result].test(type)) throw new Error(`it answers ${type}, and must answer ${wanted(result)}`);
}

/** @throws {Error} when the value is not what is expected. */
export function answerOf<Result extends CelResult>(value: unknown, result: Result): CelAnswers[Result] {
  const answer = fromCelValue(value);
  if (!IS_ANSWER[result](answer)) throw new Error(`it answers ${typeName(answer)}, and must answer ${wanted(result)}`);
  return answer as CelAnswers[Result];
}

const IS_ANSWER: Readonly<Record<CelResult, (answer: CelOutput) => boolean>> = {
  bool: (answer) => typeof answer === "boolean",
  string: (answer) => typeof answer === "string",
  int: (answer) => typeof answer === "bigint" || Number.isInteger(answer),
  timestamp: (answer) => answer instanceof Date,
  "list<string>": isListOfStrings,
  "string or list<string>": (answer) => typeof answer === "string" || isListOfStrings(answer),
  "string or list<string> or null": (answer) =>
    answer === null || typeof answer === "string" || isListOfStrings(answer),
  dyn: () => true,
};

function isListOfStrings(answer: CelOutput): boolean {
  return Array.isArray(answer) && answer.every((item) => typeof item === "string");
}

function typeName(answer: CelOutput): string {
  if (answer === null) return "null";
  if (Array.isArray(answer)) return "a list";
  if (answer instanceof Date) return "a timestamp";
  return typeof answer === "object" ? "a map" : typeof answer;
}

function wanted(result: CelResult): string {
  return result === "dyn" ? "a value that JSON knows" : result;
}
