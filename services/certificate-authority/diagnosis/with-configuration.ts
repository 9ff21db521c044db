import { type Finding, skipped } from "../../shared/diagnosis/findings.ts";
import type { Configuration } from "../configuration.ts";
import type { CheckContext } from "./contract.ts";

/** Runs a check on the configuration; without one that can be read there is nothing to look at. */
export function withConfiguration(
  context: CheckContext,
  subject: string,
  check: (configuration: Configuration) => Promise<readonly Finding[]> | readonly Finding[],
): Promise<readonly Finding[]> | readonly Finding[] {
  const { configuration } = context;
  return configuration === undefined
    ? [skipped(subject, "the configuration cannot be used; see configuration.file")]
    : check(configuration);
}
