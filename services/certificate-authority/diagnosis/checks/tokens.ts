import { constants } from "node:fs";
import { access, readFile } from "node:fs/promises";
import { error, type Finding, ok, skipped } from "../../../shared/diagnosis/findings.ts";
import type { Configuration } from "../../configuration.ts";
import type { Check, CheckContext } from "../contract.ts";
import { withConfiguration } from "../with-configuration.ts";

type TokenSettings = Configuration["tokens"][number];

/**
 * Nobody logs in: a wrong PIN counts, and the last one locks the token. Whether it answers a running server says itself,
 * as `server.ready`.
 */
export const keyTokens: Check = {
  id: "keys.tokens",
  title: "PKCS #11 tokens: their modules and PINs are there (nothing logs in)",
  run: (context) =>
    withConfiguration(context, "tokens", async ({ tokens }) => {
      if (tokens.length === 0) return [skipped("tokens", "none is configured")];
      return (await Promise.all(tokens.map((token) => tokenFindings(token, context)))).flat();
    }),
};

async function tokenFindings(token: TokenSettings, context: CheckContext): Promise<readonly Finding[]> {
  const findings = [...(await moduleFindings(token)), ...(await pinFindings(token, context))];
  return findings.length > 0 ? findings : [ok(`token ${token.name}`, "module and PIN are there; nothing logged in")];
}

/** A module without a slash is for the dynamic loader to find. */
async function moduleFindings({ name, module }: TokenSettings): Promise<readonly Finding[]> {
  if (!module.includes("/")) return [];
  const isThere = await access(module, constants.R_OK).then(
    () => true,
    () => false,
  );
  const wayOut = `install the vendor's library, or correct tokens.module of ${name}`;
  return isThere ? [] : [error(module, `the module of token ${name} cannot be read`, wayOut)];
}

async function pinFindings(
  { name, pinFile, pinEnvironment }: TokenSettings,
  { system }: CheckContext,
): Promise<readonly Finding[]> {
  if (pinEnvironment !== undefined) {
    if (system.environment[pinEnvironment]) return [];
    return [skipped(pinEnvironment, `the PIN of token ${name} is not set here`, `set ${pinEnvironment} and run again`)];
  }
  if (pinFile === undefined) return [];
  const pin = await readFile(pinFile, "utf8").catch(() => undefined);
  if (pin === undefined)
    return [error(pinFile, `the PIN of token ${name} cannot be read`, "restore the file, or correct pinFile")];
  return pin.trim() === "" ? [error(pinFile, `holds no PIN for token ${name}`, "write the PIN into it")] : [];
}
