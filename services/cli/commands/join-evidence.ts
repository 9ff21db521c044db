import { resolve } from "node:path";
import { type Command, InvalidArgumentError, Option } from "commander";
import { ATTESTOR_KINDS, type AttestorKind } from "../../shared/attestation/wire.ts";
import { ENDORSEMENT_TEMPLATES, type EndorsementTemplateName } from "../../shared/tpm/templates.ts";
import { usageError } from "../command-error.ts";
import { readOptionFile, trustedConnection } from "../named-server.ts";
import type { EvidenceSource } from "../node-agent.ts";
import { collect, flagOf } from "../options.ts";
import type { Terminal } from "../terminal.ts";

export const JOIN_TOKEN_VARIABLE = "GATEHOUSE_JOIN_TOKEN";
const EVENT_LOG = "/sys/kernel/security/tpm0/binary_bios_measurements";
const SSH_KEY = "/etc/ssh/ssh_host_ed25519_key";
const SERVICE_ACCOUNT = /^([a-z0-9-]{1,63})\/([a-z0-9.-]{1,253})$/;

/** The options that say by what a host proves what it is. */
export interface EvidenceOptions {
  readonly attestor?: AttestorKind;
  readonly profile?: string;
  readonly audience?: string;
  readonly tokenFile?: string;
  readonly evidenceCertificate?: string;
  readonly evidenceKey?: string;
  readonly evidenceToken?: string;
  readonly evidenceCommand?: string;
  readonly evidenceKubeconfig?: string;
  readonly serviceAccount?: string;
  readonly pod?: string;
  readonly tpm?: string;
  readonly ekTemplate?: EndorsementTemplateName;
  readonly ekCertificate?: readonly string[];
  readonly eventLog?: string;
  readonly metadataUrl?: URL;
  readonly stsHost?: string;
  readonly awsIdentityRole?: boolean;
}

type EvidenceOption = Exclude<keyof EvidenceOptions, "attestor" | "profile" | "audience" | "tokenFile">;

/** What each attestor makes use of; anything else on its command line is a mistake. */
const TAKEN: Readonly<Record<AttestorKind, readonly EvidenceOption[]>> = {
  join_token: [],
  x509pop: ["evidenceCertificate", "evidenceKey"],
  sshpop: ["evidenceCertificate", "evidenceKey"],
  tpm2: ["tpm", "ekTemplate", "ekCertificate", "eventLog"],
  oidc: ["evidenceToken", "evidenceCommand"],
  gcp_iit: ["metadataUrl"],
  psat: ["evidenceToken", "evidenceKubeconfig", "serviceAccount", "pod"],
  aws_iid: ["metadataUrl"],
  aws_sts: ["metadataUrl", "stsHost", "awsIdentityRole"],
  azure_imds: ["metadataUrl"],
};

export function withEvidence(command: Command): Command {
  return command
    .addOption(new Option("--attestor <kind>", "prove by this what this host is").choices([...ATTESTOR_KINDS]))
    .option("--profile <name>", "which of several profiles of the attestor")
    .option("--audience <url>", "the attestation API's URL as its configuration has it, where it is not at --server")
    .option("--evidence-certificate <file>", `x509pop: PEM, leaf first; sshpop: host certificate (${SSH_KEY}-cert.pub)`)
    .option("--evidence-key <file>", `x509pop: its key, when in a file of its own; sshpop: the host key (${SSH_KEY})`)
    .option("--evidence-token <file>", "oidc, psat: a file with the token, read when it is needed")
    .option("--evidence-command <program>", "oidc: prints a token for the audience that is its argument; no shell")
    .option("--evidence-kubeconfig <file>", "psat: the cluster to ask for a token, instead of --evidence-token")
    .option("--service-account <namespace/name>", "psat: whose token to ask for")
    .option("--pod <name>", "psat: the pod that the token is bound to")
    .option("--tpm <location>", "tpm2: a device, or tcp://HOST:PORT (default: /dev/tpmrm0)")
    .addOption(
      new Option("--ek-template <name>", "tpm2: which endorsement key (default: one that is certified)").choices(
        ENDORSEMENT_TEMPLATES.map(({ name }) => name),
      ),
    )
    .option("--ek-certificate <file>", "tpm2: its certificate, when the TPM does not hold it; repeatable", collect)
    .option("--event-log <file>", `tpm2: the firmware's event log (default: ${EVENT_LOG})`)
    .option("--metadata-url <url>", "gcp_iit, aws_iid, aws_sts, azure_imds: another metadata service", parseUrl)
    .option("--sts-host <name>", "aws_sts: of STS, as the profile names it (default: that of the instance's region)")
    .option("--aws-identity-role", "aws_sts: the instance identity role instead of the instance profile's");
}

function parseUrl(text: string): URL {
  const url = URL.parse(text);
  if (url?.protocol !== "http:") throw new InvalidArgumentError("Give a URL such as http://169.254.169.254.");
  return url;
}

/** What the host proves itself by; undefined without `--attestor`. @throws {CommandError} */
export function evidenceSource(options: EvidenceOptions, terminal: Terminal): EvidenceSource | undefined {
  const { attestor } = options;
  requireFitting(options);
  const path = (file: string): string => resolve(terminal.workingDirectory, file);
  const optional = (file: string | undefined): string | undefined => (file === undefined ? undefined : path(file));
  const { metadataUrl, evidenceCertificate, evidenceKey, evidenceToken } = options;
  switch (attestor) {
    case undefined:
      return undefined;
    case "join_token":
      return { kind: attestor, token: joinToken(options, terminal) };
    case "x509pop":
      if (evidenceCertificate === undefined) throw missing("x509pop", "--evidence-certificate");
      return { kind: attestor, certificateFile: path(evidenceCertificate), keyFile: optional(evidenceKey) };
    case "sshpop": {
      const keyFile = path(evidenceKey ?? SSH_KEY);
      return { kind: attestor, keyFile, certificateFile: optional(evidenceCertificate) ?? `${keyFile}-cert.pub` };
    }
    case "tpm2":
      return {
        ...{ kind: attestor, location: options.tpm, endorsementKey: options.ekTemplate },
        certificateFiles: (options.ekCertificate ?? []).map(path),
        eventLogFile: path(options.eventLog ?? EVENT_LOG),
      };
    case "oidc":
      if (evidenceToken !== undefined) return { kind: attestor, tokenFile: path(evidenceToken) };
      if (options.evidenceCommand === undefined) throw missing("oidc", "--evidence-command or --evidence-token");
      return { kind: attestor, program: path(options.evidenceCommand) };
    case "psat":
      return evidenceToken === undefined
        ? tokenRequest(options, terminal)
        : { kind: attestor, tokenFile: path(evidenceToken) };
    case "gcp_iit":
    case "aws_iid":
    case "azure_imds":
      return { kind: attestor, metadataUrl };
    case "aws_sts": {
      const { stsHost, awsIdentityRole = false } = options;
      return { kind: attestor, metadataUrl, stsHost, usesInstanceIdentityRole: awsIdentityRole };
    }
    default:
      return attestor satisfies never;
  }
}

function requireFitting(options: EvidenceOptions): void {
  const { attestor } = options;
  const taken: readonly string[] = attestor === undefined ? [] : [...TAKEN[attestor], "profile", "audience"];
  const all = new Set<keyof EvidenceOptions>([...Object.values(TAKEN).flat(), "profile", "audience"]);
  const stray = [...all].find((name) => options[name] !== undefined && !taken.includes(name));
  if (stray === undefined) return;
  const flag = flagOf(stray);
  throw usageError(attestor === undefined ? `${flag} needs --attestor` : `${flag} is not for --attestor ${attestor}`);
}

/** Of a file or the environment. */
function joinToken({ tokenFile }: EvidenceOptions, { environment, workingDirectory }: Terminal): string {
  if (tokenFile !== undefined) return readOptionFile(resolve(workingDirectory, tokenFile), "--token-file");
  const token = environment[JOIN_TOKEN_VARIABLE];
  if (token) return token;
  throw usageError("there is no join token", `Name a file with --token-file, or set $${JOIN_TOKEN_VARIABLE}.`);
}

function tokenRequest(options: EvidenceOptions, terminal: Terminal): EvidenceSource {
  const { evidenceKubeconfig, serviceAccount, pod } = options;
  if (evidenceKubeconfig === undefined || serviceAccount === undefined) {
    throw missing("psat", "--evidence-token, or --evidence-kubeconfig and --service-account");
  }
  const [, namespace, name] = SERVICE_ACCOUNT.exec(serviceAccount) ?? [];
  if (namespace === undefined || name === undefined) {
    throw usageError(`--service-account ${serviceAccount} is no namespace and name`, "For example kube-system/node.");
  }
  const connection = trustedConnection({ kubeconfig: evidenceKubeconfig }, terminal);
  const { server: url, caPem, tlsServerName: serverName, clientCertificatePem, clientKeyPem, token } = connection;
  const credentials =
    clientCertificatePem !== undefined && clientKeyPem !== undefined
      ? { certificatePem: clientCertificatePem, keyPem: clientKeyPem }
      : token !== undefined
        ? { token }
        : undefined;
  const server = { url, caPem, serverName };
  return { kind: "psat", server, credentials, namespace, serviceAccount: name, pod };
}

function missing(attestor: AttestorKind, options: string) {
  return usageError(`--attestor ${attestor} needs ${options}`);
}
