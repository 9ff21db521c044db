import { existsSync } from "node:fs";
import { join } from "node:path";
import { error, type Finding, messageOf, ok, skipped, warning } from "../../../shared/diagnosis/findings.ts";
import type { Configuration } from "../../configuration.ts";
import { CustodyError } from "../../custody/custody-error.ts";
import type { KeysInspection } from "../../custody/inspect-keys.ts";
import { DEFAULT_ISSUER } from "../../domain/issuer.ts";
import type { Check, CheckContext } from "../contract.ts";

const NOTHING_SEALED = "no key has been made yet; the first start does it";
const RESTORE = "restore the keys directory from a backup, or give the key it was encrypted under";

/** Runs a check on the keys; why they cannot be had is told by `encryption.provider` alone. */
async function withKeys(
  context: CheckContext,
  check: (keys: KeysInspection) => readonly Finding[] | Promise<readonly Finding[]>,
): Promise<readonly Finding[]> {
  if (context.configuration === undefined)
    return [skipped(context.keysDirectory, "what opens them is not known; see configuration.file")];
  const keys = await context.keys().catch((thrown: unknown) => {
    if (thrown instanceof CustodyError) return "locked" as const;
    throw thrown;
  });
  if (keys === "locked") return [skipped(context.keysDirectory, "no encryption key; see encryption.provider")];
  return keys === undefined ? [skipped(context.keysDirectory, NOTHING_SEALED)] : check(keys);
}

export const encryptionProvider: Check = {
  id: "encryption.provider",
  title: "what encrypts private keys at rest",
  async run(context) {
    const { configuration, system, keysDirectory: directory } = context;
    if (configuration === undefined) return [skipped(directory, "not known; see configuration.file")];
    const { encryption } = configuration;
    if (encryption !== undefined && "keyEnvironment" in encryption && !system.environment[encryption.keyEnvironment]) {
      const variable = encryption.keyEnvironment;
      return [skipped(variable, "is not set here, so nothing can be opened", `set ${variable} and run again`)];
    }
    try {
      const keys = await context.keys();
      if (keys === undefined) return [skipped(directory, NOTHING_SEALED)];
      return providerFindings(keys, context);
    } catch (thrown) {
      if (thrown instanceof CustodyError) return [error(directory, messageOf(thrown), "see what the finding says")];
      throw thrown;
    }
  },
};

function providerFindings(keys: KeysInspection, { configuration, keysDirectory }: CheckContext): readonly Finding[] {
  const { firstProvider, acceptsIdentity, origin } = keys;
  const reencrypt = "gatehouse issuer reencrypt";
  if (firstProvider === "identity") {
    return [
      error(
        origin,
        "identity is the first provider: keys are written unencrypted",
        `put another first, then: ${reencrypt}`,
      ),
    ];
  }
  const found: Finding[] = [];
  if (acceptsIdentity)
    found.push(warning(origin, "identity is accepted: unencrypted keys count", `${reencrypt}, then take identity out`));
  if (configuration?.encryption === undefined) {
    found.push(
      warning(
        join(keysDirectory, "encryption.key"),
        "the key lies beside what it protects: whoever copies the directory has both",
        "move it elsewhere and name it as encryption.keyFile",
      ),
    );
  }
  const stale = keys.files.filter(({ isCurrent, problem }) => problem === undefined && !isCurrent);
  if (stale.length > 0)
    found.push(warning(origin, `${stale.length} files are not under the first key`, `${reencrypt}`));
  return found.length > 0 ? found : [ok(origin, `${firstProvider} encrypts ${keys.files.length} files`)];
}

export const keyServices: Check = {
  id: "encryption.key-services",
  title: "KMS plugins answer on their sockets",
  run: (context) =>
    withKeys(context, ({ keyServices: services }) => {
      if (services.length === 0) return [skipped("KMS plugins", "none is configured")];
      return services.map(({ name, endpoint, problem }) => {
        const subject = `${name} at ${endpoint}`;
        return problem === undefined
          ? ok(subject, "answers and is well")
          : error(subject, problem, "start the plugin; without it no start and no re-encryption is possible");
      });
    }),
};

export const sealedFiles: Check = {
  id: "keys.sealed-files",
  title: "every sealed file opens, and each issuer's key is its certificate's",
  run: (context) =>
    withKeys(context, async ({ files, hasRootSecret }) => {
      const found = files.flatMap(({ path, problem }) =>
        problem === undefined ? [] : [error(path, problem, RESTORE)],
      );
      if (!hasRootSecret) {
        const path = join(context.keysDirectory, "derivation-root.sealed");
        found.push(error(path, "is missing: bootstrap tokens that were given out would not be recognised", RESTORE));
      }
      found.push(...(await missingIssuers(context, files)));
      return found.length > 0 ? found : [ok(context.keysDirectory, `${files.length} sealed files open and match`)];
    }),
};

/** Their keys are elsewhere. */
function namesOfTokenIssuers(configuration: Configuration | undefined): ReadonlySet<string> {
  if (configuration === undefined) return new Set();
  const all = [{ ...configuration.issuer, name: DEFAULT_ISSUER }, ...configuration.issuers];
  return new Set(all.filter(({ token }) => token !== undefined).map(({ name }) => name));
}

/** Issuers that the ledger says sign now, without their key or certificate here. */
async function missingIssuers(context: CheckContext, files: KeysInspection["files"]): Promise<readonly Finding[]> {
  const ledger = await context.ledger();
  if (ledger.kind !== "here") return [];
  const here = new Set(files.filter(({ purpose }) => purpose === "issuer").map(({ name }) => name));
  const active = ledger.inspection.snapshot().issuers.filter(({ slot }) => slot === "active");
  const inTokens = namesOfTokenIssuers(context.configuration);
  return active.flatMap(({ id, name }): readonly Finding[] => {
    if (inTokens.has(name)) return [];
    const certificate = join(context.keysDirectory, `issuer-${id}.crt`);
    const isComplete = here.has(id) && existsSync(certificate);
    const missing = here.has(id) ? certificate : join(context.keysDirectory, `issuer-${id}.sealed`);
    return isComplete ? [] : [error(missing, `is missing, and the issuer ${name} signs with it`, RESTORE)];
  });
}
