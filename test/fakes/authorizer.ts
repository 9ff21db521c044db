import type { AccessAttributes, Authorizer } from "../../services/certificate-authority/domain/authorization.ts";
import type { UserInfo } from "../../services/shared/user-info.ts";

export interface FakeAuthorizer extends Authorizer {
  /** Every question, in order, as `<user> <verb> <resource>[/<subresource>] [<name>]`. */
  readonly questions: readonly string[];
  /** Answers from now on: the questions allowed, or an error to throw. */
  answer(allowed: Iterable<string> | Error): void;
}

/** Allows exactly the questions in `allowed`, written as in `questions`. */
export function createFakeAuthorizer(allowed: Iterable<string> = []): FakeAuthorizer {
  const questions: string[] = [];
  let answer: ReadonlySet<string> | Error = new Set(allowed);
  return {
    questions,
    answer(next) {
      answer = next instanceof Error ? next : new Set(next);
    },
    async authorize(user, attributes) {
      const question = questionOf(user, attributes);
      questions.push(question);
      if (answer instanceof Error) throw answer;
      return answer.has(question) ? { allowed: true, reason: `allowed: ${question}` } : { allowed: false, reason: "" };
    },
  };
}

function questionOf(user: UserInfo, attributes: AccessAttributes): string {
  if (attributes.kind === "path") return `${user.username} ${attributes.verb} ${attributes.path}`;
  const { verb, resource, subresource, name } = attributes;
  return [user.username, verb, subresource ? `${resource}/${subresource}` : resource, name].filter(Boolean).join(" ");
}
