import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { openssl } from "../../builders/openssl.ts";

export interface ShownExtension {
  readonly critical: boolean;
  readonly value: string;
}

/** What `openssl x509 -text` says of a certificate. */
export interface ShownCertificate {
  readonly version: string;
  /** Lower-case hex. */
  readonly serial: string;
  readonly issuer: string;
  readonly subject: string;
  readonly signatureAlgorithm: string;
  readonly extensions: Readonly<Record<string, ShownExtension>>;
}

export function showCertificate(file: string): ShownCertificate {
  const shown = openssl("x509", "-in", file, "-noout", "-text", "-nameopt", "RFC2253");
  const field = (pattern: RegExp): string => pattern.exec(shown)?.[1]?.trim() ?? "";
  return {
    version: field(/Version: (\d)/),
    serial: openssl("x509", "-in", file, "-noout", "-serial").trim().replace("serial=", "").toLowerCase(),
    issuer: field(/Issuer: (.*)/),
    subject: field(/Subject: (.*)/),
    signatureAlgorithm: field(/Signature Algorithm: (.*)/),
    extensions: extensionsOf(shown),
  };
}

/** Names stand twelve columns in, values sixteen. */
function extensionsOf(shown: string): Record<string, ShownExtension> {
  const pattern = /^ {12}(\S.*?): *(critical)?\s*\n((?: {16}.*\n)+)/gm;
  const [, section = ""] = shown.split("X509v3 extensions:\n");
  return Object.fromEntries(
    [...section.matchAll(pattern)].map(([, name = "", critical, value = ""]) => [
      name.replace("X509v3 ", ""),
      { critical: critical !== undefined, value: value.trim().replace(/^keyid:/, "") },
    ]),
  );
}

/** `OK` when a chain is good for a purpose (`sslclient`, `sslserver`); what openssl says against it otherwise. */
export function verifyChain(caFile: string, file: string, purpose: "sslclient" | "sslserver"): string {
  try {
    return openssl("verify", "-x509_strict", "-CAfile", caFile, "-purpose", purpose, file)
      .trim()
      .replace(`${file}: `, "");
  } catch (error) {
    return String((error as { stderr?: unknown }).stderr);
  }
}

/** One end of a TLS connection: files in PEM. */
export interface TlsEnd {
  readonly certificateFile: string;
  readonly keyFile: string;
}

/**
 * Has `openssl s_server` and `openssl s_client` talk to each other on loopback, each demanding the other's certificate
 * from the CA; the client checks the address besides.
 *
 * @returns what came back for `hello`: the server turns it round. Empty when either refused.
 */
export async function talkOverTls(caFile: string, server: TlsEnd, client: TlsEnd): Promise<string> {
  const listening = spawn(
    "openssl",
    ["s_server", "-accept", "127.0.0.1:0", "-rev", ...endArguments(caFile, server), "-Verify", "1"],
    { stdio: "pipe" },
  );
  try {
    const address = await acceptedAddress(listening);
    const arguments_ = ["s_client", "-connect", address, "-quiet", ...endArguments(caFile, client)];
    const talking = spawn("openssl", [...arguments_, "-verify_ip", "127.0.0.1", "-verify", "1"], { stdio: "pipe" });
    talking.stdin.on("error", () => undefined).write("hello\n");
    const answered = once(talking.stdout, "data").then(([chunk]) => String(chunk));
    const answer = await Promise.race([answered, once(talking, "exit").then(() => "")]);
    talking.kill("SIGKILL");
    return answer.trim();
  } finally {
    listening.kill("SIGKILL");
  }
}

function endArguments(caFile: string, { certificateFile, keyFile }: TlsEnd): readonly string[] {
  return ["-CAfile", caFile, "-cert", certificateFile, "-key", keyFile, "-verify_return_error"];
}

/** Output is listened to and not iterated: an iteration that ends closes the pipe, and with it the server. */
function acceptedAddress(listening: ChildProcessWithoutNullStreams): Promise<string> {
  return new Promise((resolve, reject) => {
    let printed = "";
    const read = (chunk: Buffer): void => {
      printed += chunk.toString("utf8");
      const [, address] = /^ACCEPT (127\.0\.0\.1:\d+)$/m.exec(printed) ?? [];
      if (address !== undefined) resolve(address);
    };
    listening.stdout.on("data", read);
    listening.stderr.on("data", read);
    listening.once("exit", () => reject(new Error(`openssl s_server ended: ${printed}`)));
  });
}
