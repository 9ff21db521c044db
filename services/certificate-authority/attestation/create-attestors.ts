import type { Attestor, AttestorTools } from "./attestor.ts";
import { createJoinTokenAttestor, type FindJoinToken } from "./join-token/attestor.ts";
import type { ProfileSettings } from "./settings.ts";

/** What is the same for all attestors, and what single kinds stand on. */
export interface AttestorDependencies extends AttestorTools {
  readonly findJoinToken: FindJoinToken;
}

/** Makes the attestor of a profile. @throws {Error} naming what keeps it from being made. */
export function createAttestor(profile: ProfileSettings, deps: AttestorDependencies): Attestor {
  switch (profile.attestor) {
    case "join_token":
      return createJoinTokenAttestor(deps.findJoinToken);
    default:
      return profile.attestor satisfies never;
  }
}
