import type { Command } from "commander";
import type { ApiClient } from "../api-client.ts";
import type { CertificateImportOutcome, List, SigningRequest } from "../api-types.ts";
import { CertificateCollector, type FoundCertificate, type FoundCertificates } from "../certificate-files.ts";
import { CommandError, usageError } from "../command-error.ts";
import {
  type ConnectionOptions,
  type FormatOptions,
  withClient,
  withConnection,
  withExamples,
  withFormat,
} from "../options.ts";
import { formatTable, writeObject } from "../output.ts";
import type { Terminal } from "../terminal.ts";
import { CERTIFICATES_PATH } from "./certificate-list.ts";

const CSR_PATH = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
/** Certificates of one request to the server. */
const BATCH = 200;
const PAGE_LIMIT = "500";

interface Options extends ConnectionOptions, FormatOptions {
  readonly fromKubeconfig?: string;
  readonly fromContext?: string;
  readonly signer?: string;
  readonly dryRun: boolean;
}

type Item = CertificateImportOutcome["items"][number];

export function addCertificateImport(parent: Command, terminal: Terminal): void {
  const command = parent
    .command("import")
    .description(
      "put certificates on record that were issued before Gatehouse or without it, as far as issuers on record have " +
        "signed them; keys are neither kept nor sent",
    )
    .argument("[path...]", "files of PEM certificates, kubeconfigs, or directories of them such as /etc/kubernetes")
    .option("--from-kubeconfig <file>", "take the certificates of the requests that this API server has, too")
    .option("--from-context <name>", "context of that kubeconfig (default: its current-context)")
    .option("--signer <name>", "the signer to record certificates of files under (default: by what they are for)")
    .option("--dry-run", "look at everything and record nothing", false)
    .action((paths: readonly string[], options: Options) => importCertificates(paths, options, terminal));
  withExamples(withConnection(withFormat(command)), [
    "gatehouse certificate import /etc/kubernetes /var/lib/kubelet/pki",
    "gatehouse certificate import --from-kubeconfig ~/.kube/config --dry-run",
    "gatehouse certificate import old-certificates/ -o json",
  ]);
}

async function importCertificates(paths: readonly string[], options: Options, terminal: Terminal): Promise<void> {
  if (paths.length === 0 && options.fromKubeconfig === undefined) {
    throw usageError("nothing to import", "Give paths, or --from-kubeconfig.");
  }
  const found = new CertificateCollector();
  for (const path of paths) found.addPath(path);
  if (options.fromKubeconfig !== undefined) await addRequests(found, options.fromKubeconfig, options, terminal);
  sayWhatWasFound(found, terminal);
  const certificates = found.certificates.toSorted((a, b) => a.notBefore.getTime() - b.notBefore.getTime());
  if (certificates.length === 0) return;
  await withClient(terminal, options, async (client) => {
    const outcome = await send(client, certificates, options);
    writeObject(terminal.stdout, options.format, outcome, () => tableOf(outcome.items));
    const { imported, known, refused } = outcome;
    const verb = options.dryRun ? "would be imported" : "imported";
    terminal.stderr.write(`${imported} ${verb}, ${known} known already, ${refused} refused.\n`);
  });
}

/** The certificates of an API server's requests, with the signers that they were asked of. */
async function addRequests(
  found: CertificateCollector,
  kubeconfig: string,
  { fromContext, requestTimeout }: Options,
  terminal: Terminal,
): Promise<void> {
  const connection = {
    kubeconfig,
    ...(fromContext !== undefined && { context: fromContext }),
    ...(requestTimeout !== undefined && { requestTimeout }),
  };
  await withClient(terminal, connection, async (client) => {
    let next: string | undefined;
    do {
      const query = { limit: PAGE_LIMIT, continue: next };
      const page = await client.json<List<SigningRequest>>({ path: CSR_PATH, query });
      for (const { metadata, spec, status } of page.items) {
        if (status?.certificate === undefined) continue;
        found.addText(Buffer.from(status.certificate, "base64"), `request ${metadata.name}`, spec.signerName);
      }
      // An API server says "" when there is no more.
      next = page.metadata.continue || undefined;
    } while (next !== undefined);
  });
}

function sayWhatWasFound({ certificates, problems, authorities, otherFiles }: FoundCertificates, { stderr }: Terminal) {
  for (const { path, message } of problems) stderr.write(`skipped ${path}: ${message}\n`);
  const counts = [
    `${certificates.length} certificates found`,
    `${authorities} of CAs left out`,
    `${otherFiles} files without any`,
    `${problems.length} problems`,
  ];
  stderr.write(`${counts.join(", ")}.\n`);
}

async function send(
  client: ApiClient,
  certificates: readonly FoundCertificate[],
  { dryRun, signer }: Options,
): Promise<CertificateImportOutcome> {
  let total: CertificateImportOutcome | undefined;
  for (let start = 0; start < certificates.length; start += BATCH) {
    const items = certificates.slice(start, start + BATCH).map(({ source, pem, signerName = signer }) => {
      return { source, certificatePem: pem, ...(signerName !== undefined && { signerName }) };
    });
    const body = { dryRun, items };
    const request = { method: "POST", path: `${CERTIFICATES_PATH}/import`, body } as const;
    const outcome = await client.json<CertificateImportOutcome>(request);
    total = total === undefined ? outcome : sumOf(total, outcome);
  }
  if (total === undefined) throw new CommandError("nothing to import");
  return total;
}

function sumOf(one: CertificateImportOutcome, other: CertificateImportOutcome): CertificateImportOutcome {
  return {
    ...one,
    imported: one.imported + other.imported,
    known: one.known + other.known,
    refused: one.refused + other.refused,
    items: [...one.items, ...other.items],
  };
}

function tableOf(items: readonly Item[]): string {
  const header = ["SOURCE", "OUTCOME", "SERIAL", "COMMON NAME", "SIGNER OR REASON"];
  const rows = items.map(({ source = "", outcome, serial = "", commonName = "", signerName, message = "" }) => {
    return [source, outcome, serial, commonName, signerName ?? message];
  });
  return formatTable([header, ...rows]);
}
