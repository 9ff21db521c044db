import type { Command } from "commander";
import type { ApiClient } from "../api-client.ts";
import type { Certificate, Kin } from "../api-types.ts";
import {
  type ConnectionOptions,
  type FormatOptions,
  withClient,
  withConnection,
  withExamples,
  withFormat,
} from "../options.ts";
import { formatFields, writeObject } from "../output.ts";
import type { Terminal } from "../terminal.ts";
import { CERTIFICATES_PATH } from "./certificate-list.ts";

interface Options extends ConnectionOptions, FormatOptions {
  readonly pem: boolean;
}

export function addCertificateShow(parent: Command, terminal: Terminal): void {
  const command = parent
    .command("show")
    .description("show one certificate")
    .argument("<id>", "serial or SHA-256 fingerprint in hexadecimal, with or without colons")
    .option("--pem", "print the certificate itself", false)
    .action((id: string, options: Options) =>
      withClient(terminal, options, (client) => show(client, id, options, terminal)),
    );
  withExamples(withConnection(withFormat(command)), [
    "gatehouse certificate show 3f9a0c",
    "gatehouse certificate show 3f9a0c --pem | openssl x509 -noout -text",
  ]);
}

async function show(client: ApiClient, id: string, { format, pem }: Options, { stdout }: Terminal): Promise<void> {
  const certificate = await client.json<Certificate>({ path: `${CERTIFICATES_PATH}/${encodeURIComponent(id)}` });
  if (pem) stdout.write(certificate.certificatePem ?? "");
  else writeObject(stdout, format, certificate, () => describe(certificate));
}

function describe(certificate: Certificate): string {
  const { request, nodeName } = certificate;
  return formatFields([
    ["Serial", certificate.serial],
    ["Fingerprint", certificate.fingerprint],
    ["State", certificate.state],
    ["Signer", certificate.signerName],
    ["Issuer", certificate.issuerId],
    ["Node", nodeName ?? ""],
    ["Common name", certificate.commonName],
    ["Organizations", certificate.organizations],
    ["DNS names", certificate.dnsNames],
    ["IP addresses", certificate.ipAddresses],
    ["E-mail addresses", certificate.emailAddresses],
    ["URIs", certificate.uris],
    ["Not before", certificate.notBefore],
    ["Not after", certificate.notAfter],
    certificate.importedAt === undefined
      ? ["Issued at", certificate.issuedAt]
      : ["Imported at", certificate.importedAt],
    ["Public key SHA-256", certificate.publicKeySha256],
    ["Request", request === undefined ? "" : `${request.name} by ${request.requester}`],
    ["Replaces", replacedBy(certificate)],
    ...examination(certificate),
  ]);
}

/** What servers of before do not tell is left out. */
function examination({
  details,
  risks,
  lineage,
}: Certificate): readonly (readonly [string, string | readonly string[]])[] {
  return [
    ...(details === undefined
      ? []
      : ([
          ["Key", details.keyAlgorithm],
          ["Signature", details.signatureAlgorithm],
          ["Good for", details.isAuthority ? ["signing certificates"] : details.extendedKeyUsages],
        ] as const)),
    ...(lineage === undefined
      ? []
      : ([
          ["Lineage", lineage.predecessors.map(describeKin)],
          ["Replaced by", lineage.successors.map(describeKin)],
        ] as const)),
    ...(risks === undefined
      ? []
      : ([["Risks", risks.map(({ severity, message }) => `${severity}: ${message}`)]] as const)),
  ];
}

function describeKin({ serial, state, notBefore, notAfter, keyReused }: Kin): string {
  return `${serial} from ${notBefore} to ${notAfter}, ${state}${keyReused === true ? ", with the key of the one before" : ""}`;
}

function replacedBy({ predecessor, keyReused }: Certificate): string {
  if (predecessor === undefined || keyReused === undefined) return predecessor ?? "";
  return `${predecessor} (with ${keyReused ? "the same" : "a new"} key)`;
}
