import { createLogger } from "../shared/logging.ts";
import { effectOf, readPolicySource } from "./approval/hooks/policy/source.ts";
import type { HookSettings } from "./approval/settings.ts";
import { type Configuration, loadConfiguration } from "./configuration.ts";
import type { CsrFacts } from "./domain/csr-facts.ts";
import { type LocalChain, type LocalHook, openLocalChain } from "./local-chain.ts";
import { PolicyTestError, readCaseFile } from "./policy-test/case-file.ts";
import { type CaseResult, runCases } from "./policy-test/run-cases.ts";
import { decodeRequests } from "./signer/csr-decoder.ts";

export interface PolicyCheckOptions {
  /** The default configuration when undefined. */
  readonly configFile?: string | undefined;
}

export interface PolicyTestOptions extends PolicyCheckOptions {
  readonly casesFile: string;
  /** Asks programs and services outside instead of taking their verdicts from the cases. */
  readonly asksOutside: boolean;
}

/** A rule of a policy, where it stands. */
export interface CheckedRule {
  readonly hook: string;
  readonly name: string;
  readonly effect: ReturnType<typeof effectOf>;
  /** The file, or the part of the configuration. */
  readonly where: string;
}

export interface CheckedChain {
  readonly hooks: readonly LocalHook[];
  /** Of all policies, with those of the files that they include. */
  readonly rules: readonly CheckedRule[];
}

/**
 * Builds the chain of a configuration, without a server, and says which hooks and rules it has.
 *
 * @throws {ConfigurationError} and what hooks throw that cannot be built, naming everything that is wrong.
 */
export async function checkPolicy({ configFile }: PolicyCheckOptions): Promise<CheckedChain> {
  const configuration = loadConfiguration({ configFile });
  const chain = open(configuration, false);
  await chain.close();
  return { hooks: chain.hooks, rules: configuration.approval.hooks.flatMap(rulesOf) };
}

function rulesOf(hook: HookSettings): readonly CheckedRule[] {
  if (!("policy" in hook)) return [];
  const { name = "policy" } = hook.policy;
  const { rules } = readPolicySource(hook.policy, "approval.hooks");
  return rules.map(({ name: rule, rule: written, scope }) => ({
    ...{ hook: name, name: rule, effect: effectOf(written), where: scope.where },
  }));
}

/**
 * Asks the chain of a configuration about every case of a file.
 *
 * @throws {PolicyTestError} when the file cannot be used; as `checkPolicy`.
 */
export async function testPolicy(options: PolicyTestOptions): Promise<readonly CaseResult[]> {
  const configuration = loadConfiguration({ configFile: options.configFile });
  const cases = readCaseFile(options.casesFile);
  const chain = open(configuration, options.asksOutside);
  try {
    return await runCases(cases, options.casesFile, chain, (pem) => readCsr(pem, configuration));
  } finally {
    await chain.close();
  }
}

function open(configuration: Configuration, asksOutside: boolean): LocalChain {
  const logger = createLogger({ level: "warn", format: process.stderr.isTTY ? "text" : "json" });
  return openLocalChain(configuration, { asksOutside, hasGuards: true, logger });
}

function readCsr(pem: string, { keyPolicy }: Configuration): CsrFacts {
  const acceptance = { acceptsMlDsa: keyPolicy.mlDsa.length > 0 };
  const [decoded] = decodeRequests([Buffer.from(pem).toString("base64")], undefined, acceptance);
  if (decoded?.kind === "facts") return decoded.facts;
  throw new PolicyTestError(`the CSR ${decoded?.message ?? "cannot be read"}`);
}
