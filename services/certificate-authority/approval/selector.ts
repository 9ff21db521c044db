import type { CsrSpec } from "../domain/certificate-signing-request.ts";
import { compileGlob } from "../domain/glob.ts";

/** Which requests a hook is asked about. Each list holds patterns, `*` being anything; an absent list matches all. */
export interface HookSelectorSettings {
  readonly signers?: readonly string[] | undefined;
  readonly requesters?:
    | { readonly users?: readonly string[] | undefined; readonly groups?: readonly string[] | undefined }
    | undefined;
}

type Test = (text: string) => boolean;

/** Patterns made ready. Undefined is a list that matches all. */
export interface HookSelector {
  readonly signers: readonly Test[] | undefined;
  /** Matches who is one of `users` or in one of `groups`. */
  readonly requesters: { readonly users: readonly Test[]; readonly groups: readonly Test[] } | undefined;
}

/** @returns undefined when every request is meant. */
export function hookSelector({ signers, requesters }: HookSelectorSettings): HookSelector | undefined {
  if (signers === undefined && requesters === undefined) return undefined;
  const compile = (patterns: readonly string[] = []) => patterns.map((pattern) => compileGlob(pattern));
  return {
    signers: signers && compile(signers),
    requesters: requesters && { users: compile(requesters.users), groups: compile(requesters.groups) },
  };
}

/** Whether a request is one that the hook is asked about. */
export function selects(
  { signers, requesters }: HookSelector,
  { signerName, username = "", groups = [] }: Pick<CsrSpec, "signerName" | "username" | "groups">,
): boolean {
  if (signers !== undefined && !signers.some((matches) => matches(signerName))) return false;
  if (requesters === undefined) return true;
  const isUser = requesters.users.some((matches) => matches(username));
  return isUser || groups.some((group) => requesters.groups.some((matches) => matches(group)));
}
