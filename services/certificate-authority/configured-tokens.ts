import type { Logger } from "../shared/logging.ts";
import type { Configuration } from "./configuration.ts";
import { openTokens, type Tokens } from "./custody/pkcs11/tokens.ts";

/**
 * Opens the tokens of the configuration. Their PINs are taken out of the environment, so that no child process and no
 * crash report sees them.
 *
 * @throws {CustodyError} as `openTokens`.
 */
export function openConfiguredTokens({ tokens }: Pick<Configuration, "tokens">, logger: Logger): Promise<Tokens> {
  const variables = tokens.flatMap(({ pinEnvironment }) => pinEnvironment ?? []);
  const values = new Map(variables.map((variable) => [variable, process.env[variable]]));
  for (const variable of variables) delete process.env[variable];
  return openTokens({ settings: tokens, environment: (variable) => values.get(variable), logger });
}
