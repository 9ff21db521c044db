import { createLogger } from "../shared/logging.ts";
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

/**
 * Builds the chain of a configuration, without a server, and says which hooks it has.
 *
 * @throws {ConfigurationError} and what hooks throw that cannot be built, naming everything that is wrong.
 */
export async function checkPolicy({ configFile }: PolicyCheckOptions): Promise<readonly LocalHook[]> {
  const chain = open(loadConfiguration({ configFile }), false);
  await chain.close();
  return chain.hooks;
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
