import { X509Certificate } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { createSecureContext } from "node:tls";
import type { Logger } from "../../../../shared/logging.ts";
import { HookSetupError } from "../hook-setup-error.ts";
import type { HeaderSetting, TellingSettings } from "../webhook-settings.ts";

/** What a webhook is asked with. */
export interface WebhookCredentials {
  readonly caPem: string | undefined;
  readonly certificatePem: string | undefined;
  readonly privateKeyPem: string | undefined;
  readonly hmacSecret: Buffer | undefined;
  readonly headers: Readonly<Record<string, string>>;
}

export interface CredentialsOptions {
  readonly settings: TellingSettings;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly logger: Pick<Logger, "info" | "error">;
  /** Milliseconds of a clock that never goes back. */
  readonly monotonicNow: () => number;
}

const LOOK_AGAIN_MILLISECONDS = 1000;
const MAXIMUM_BYTES = 1024 * 1024;
const MINIMUM_SECRET_BYTES = 16;
const READABLE_BY_ALL = 0o004;

/**
 * Reads the files of a webhook, and again when they change. Files that cannot be used any more are reported once, and
 * what was read before stays in force.
 *
 * @returns what is in force: the same object until something has changed.
 * @throws {HookSetupError} when something cannot be read or used at start.
 */
export function watchCredentials({
  settings,
  environment,
  logger,
  monotonicNow,
}: CredentialsOptions): () => WebhookCredentials {
  const files = filesOf(settings);
  let version = versionsOf(files);
  let current = readCredentials(settings, environment);
  let lookedAt = monotonicNow();
  let problem: string | undefined;

  function lookAgain(): void {
    try {
      const found = versionsOf(files);
      if (found === version && problem === undefined) return;
      current = readCredentials(settings, environment);
      version = found;
      problem = undefined;
      logger.info({ files }, "the files of a webhook were read again");
    } catch (error) {
      const { message } = error as Error;
      if (message !== problem)
        logger.error({ problem: message }, "a webhook's files cannot be used, the old ones stay in force");
      problem = message;
    }
  }

  return () => {
    if (monotonicNow() - lookedAt >= LOOK_AGAIN_MILLISECONDS) {
      lookedAt = monotonicNow();
      lookAgain();
    }
    return current;
  };
}

function readCredentials(
  { certificateAuthorityFile, clientCertificateFile, clientKeyFile, hmac, headers }: TellingSettings,
  environment: CredentialsOptions["environment"],
): WebhookCredentials {
  const caPem = textOf("certificateAuthorityFile", certificateAuthorityFile);
  const certificatePem = textOf("clientCertificateFile", clientCertificateFile);
  const privateKeyPem = secretTextOf("clientKeyFile", clientKeyFile);
  checkTls(caPem, certificatePem, privateKeyPem);
  const { secretFile, secretEnvironment } = hmac ?? {};
  const secret =
    secretTextOf("hmac.secretFile", secretFile) ?? variable("hmac.secretEnvironment", secretEnvironment, environment);
  return {
    ...{ caPem, certificatePem, privateKeyPem },
    hmacSecret: secret === undefined ? undefined : secretOf(secret),
    headers: Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name, headerOf(name, value, environment)]),
    ),
  };
}

function checkTls(caPem: string | undefined, cert: string | undefined, key: string | undefined): void {
  try {
    if (caPem !== undefined) new X509Certificate(caPem);
    createSecureContext({
      ...(caPem !== undefined && { ca: caPem }),
      ...(cert !== undefined && { cert }),
      ...(key !== undefined && { key }),
    });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const what =
      "certificateAuthorityFile, clientCertificateFile or clientKeyFile is no PEM, or the key is not the certificate's";
    throw new HookSetupError(`webhook: ${what} (${code ?? "unreadable"})`, { cause });
  }
}

function secretOf(text: string): Buffer {
  const secret = Buffer.from(text.trim());
  if (secret.length < MINIMUM_SECRET_BYTES)
    throw new HookSetupError(
      `webhook.hmac: the secret has less than ${MINIMUM_SECRET_BYTES} bytes; try: openssl rand -hex 32`,
    );
  return secret;
}

function headerOf(name: string, value: HeaderSetting, environment: CredentialsOptions["environment"]): string {
  if (typeof value === "string") return value;
  const setting = `headers.${name}`;
  const text = "file" in value ? secretTextOf(setting, value.file) : variable(setting, value.environment, environment);
  const trimmed = text?.trim() ?? "";
  if (!/^[\x20-\x7e]+$/.test(trimmed))
    throw new HookSetupError(`webhook.${setting}: the value is empty or not one line of printable ASCII`);
  return trimmed;
}

function variable(
  setting: string,
  name: string | undefined,
  environment: CredentialsOptions["environment"],
): string | undefined {
  if (name === undefined) return undefined;
  const value = environment[name];
  if (value === undefined) throw new HookSetupError(`webhook.${setting}: the environment has no variable ${name}`);
  return value;
}

/** @throws {HookSetupError} when everybody may read the file, and it is ours to protect. */
function secretTextOf(setting: string, file: string | undefined): string | undefined {
  const text = textOf(setting, file);
  const found = file === undefined ? undefined : statSync(file);
  if (found !== undefined && (found.mode & READABLE_BY_ALL) !== 0 && found.uid === process.geteuid?.())
    throw new HookSetupError(
      `webhook.${setting}: ${file} holds a secret that everybody may read; try: chmod 600 ${file}`,
    );
  return text;
}

function textOf(setting: string, file: string | undefined): string | undefined {
  if (file === undefined) return undefined;
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? "unreadable";
    throw new HookSetupError(`webhook.${setting}: cannot read ${file} (${code}); correct the path`, { cause });
  }
}

function filesOf({ certificateAuthorityFile, clientCertificateFile, clientKeyFile, hmac, headers }: TellingSettings) {
  const ofHeaders = Object.values(headers).map((value) =>
    typeof value === "object" && "file" in value ? value.file : undefined,
  );
  const all = [certificateAuthorityFile, clientCertificateFile, clientKeyFile, hmac?.secretFile, ...ofHeaders];
  return all.filter((file) => file !== undefined);
}

/** What changes when one of the files does. */
function versionsOf(files: readonly string[]): string {
  return files.map(versionOf).join(" ");
}

function versionOf(file: string): string {
  const found = statSync(file, { throwIfNoEntry: false });
  if (found === undefined) return "absent";
  if (found.size > MAXIMUM_BYTES) throw new HookSetupError(`webhook: ${file} is larger than ${MAXIMUM_BYTES} bytes`);
  return `${found.ino}/${found.size}/${found.mtimeMs}`;
}
