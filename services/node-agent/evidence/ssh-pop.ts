import { execFile } from "node:child_process";
import { SSHPOP_NAMESPACE } from "../../shared/attestation/proofs.ts";
import { AgentError } from "../agent-error.ts";
import { base64url, type EvidenceCollector } from "./collector.ts";
import { readEvidenceFile } from "./evidence-file.ts";

const LIMIT_MILLISECONDS = 10_000;
const LARGEST_OUTPUT_BYTES = 64 * 1024;

/** The host certificate that sshd shows, and its key. */
export interface SshpopSource {
  readonly kind: "sshpop";
  /** As sshd's HostCertificate, e.g. /etc/ssh/ssh_host_ed25519_key-cert.pub. */
  readonly certificateFile: string;
  /** As sshd's HostKey, without a passphrase. */
  readonly keyFile: string;
}

/**
 * The host key signs by OpenSSH's own program, which knows all of its key files and those of its agents.
 *
 * @throws {AgentError} `unusable`
 */
export async function sshpopEvidence({ certificateFile, keyFile }: SshpopSource): Promise<EvidenceCollector> {
  const line = (await readEvidenceFile(certificateFile)).toString("utf8");
  const [type = "", blob = ""] = line.trim().split(/\s+/);
  if (!/-cert-v01@openssh\.com$/.test(type) || !/^[A-Za-z0-9+/]+=*$/.test(blob)) {
    throw new AgentError("unusable", `${certificateFile} holds no OpenSSH certificate`);
  }
  const certificate = base64url(Buffer.from(blob, "base64"));
  return {
    kind: "sshpop",
    hello: {},
    prove: async ({ bind, signal }) => ({ certificate, signature: base64url(await sign(keyFile, bind, signal)) }),
  };
}

/** Source: ssh-keygen(1), option -Y sign; without files it signs its standard input. */
function sign(keyFile: string, message: Buffer, signal: AbortSignal): Promise<Buffer> {
  const args = ["-Y", "sign", "-q", "-f", keyFile, "-n", SSHPOP_NAMESPACE];
  const limits = { timeout: LIMIT_MILLISECONDS, maxBuffer: LARGEST_OUTPUT_BYTES, signal };
  return new Promise((resolve, reject) => {
    const child = execFile("ssh-keygen", args, limits, (error, stdout, stderr) => {
      const [, base64] = /-----BEGIN SSH SIGNATURE-----([^-]+)-----END/.exec(stdout) ?? [];
      if (error === null && base64 !== undefined) return resolve(Buffer.from(base64, "base64"));
      if (signal.aborted) return reject(signal.reason as Error);
      const isMissing = (error as NodeJS.ErrnoException | null)?.code === "ENOENT";
      const why = isMissing ? "ssh-keygen is not there; install OpenSSH's client" : stderr.trim().split("\n").at(-1);
      const hint = "The key may have no passphrase, and this user must be able to read it.";
      reject(new AgentError("unusable", `cannot sign with ${keyFile}: ${why || "ssh-keygen failed"}`, { hint }));
    });
    // One that ends at once does not read what it is given; its exit says why.
    child.stdin?.on("error", () => undefined).end(message);
  });
}
