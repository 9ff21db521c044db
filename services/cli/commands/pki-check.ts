import { resolve } from "node:path";
import { type Command, Option } from "commander";
import { humanDuration } from "../../shared/kubernetes/human-duration.ts";
import { toKubernetesTime } from "../../shared/kubernetes/object-meta.ts";
import type { LoadCertificateAuthority, PkiExpiration } from "../certificate-authority.ts";
import { CommandError } from "../command-error.ts";
import { explain } from "../explain.ts";
import { type FormatOptions, parseSeconds, withExamples, withFormat } from "../options.ts";
import { formatTable, writeObject } from "../output.ts";
import type { Terminal } from "../terminal.ts";

type Row = PkiExpiration["certificates"][number];

interface Options extends FormatOptions {
  readonly directory: string;
  readonly etcd: "local" | "external";
  /** Whole seconds. */
  readonly expiresWithin?: number;
}

export function addPkiCheck(parent: Command, terminal: Terminal, load: LoadCertificateAuthority): void {
  const command = parent
    .command("check")
    .summary("when the certificates of a control plane expire")
    .description(
      "Tell when the certificates of a control plane node expire, as kubeadm certs check-expiration does. Needs no server.\n" +
        "Exit code 1 when one has expired, or does so within --expires-within. kubelet.conf is its kubelet's to renew.",
    )
    .option("--directory <directory>", "where they lie", "/etc/kubernetes/pki")
    .addOption(
      new Option("--etcd <where>", "local: beside the API server").choices(["local", "external"]).default("local"),
    )
    .option("--expires-within <duration>", "fail, too, when one has no more than this left", parseSeconds)
    .action((options: Options) => check(options, terminal, load));
  withExamples(withFormat(command), ["gatehouse pki check", "gatehouse pki check --expires-within 30d -o json"]);
}

async function check(options: Options, terminal: Terminal, load: LoadCertificateAuthority): Promise<void> {
  const { directory, etcd, format, expiresWithin = 0 } = options;
  const { checkPki } = await load();
  const found = await checkPki(resolve(terminal.workingDirectory, directory), etcd).catch(explain);
  writeObject(terminal.stdout, format, toResource(found), () => tableOf(found));
  const ending = [...found.certificates, ...found.authorities].filter(
    ({ isMissing, residualSeconds }) => !isMissing && residualSeconds <= expiresWithin,
  );
  if (ending.length === 0) return;
  const names = ending.map(({ name }) => name).join(", ");
  throw new CommandError(`expired or about to: ${names}`, "Renew them with: gatehouse pki init --renew");
}

/** The fields of kubeadm's output. Source: kubernetes cmd/kubeadm/app/apis/output/v1alpha3/types.go. */
function toResource({ certificates, authorities }: PkiExpiration) {
  return {
    apiVersion: "gatehouse.dev/v1",
    kind: "CertificateExpirationInfo",
    certificates: certificates.map(toFields),
    certificateAuthorities: authorities.map(toFields),
  };
}

function toFields({ name, notAfter, residualSeconds, isExternallyManaged, authority, isMissing }: Row) {
  return {
    name,
    expirationDate: notAfter === undefined ? null : toKubernetesTime(notAfter),
    residualTime: residualSeconds,
    externallyManaged: isExternallyManaged,
    ...(authority !== undefined && { caName: authority }),
    missing: isMissing,
  };
}

function tableOf({ certificates, authorities }: PkiExpiration): string {
  const leaves = [["CERTIFICATE", "EXPIRES", "RESIDUAL TIME", "CERTIFICATE AUTHORITY", "EXTERNALLY MANAGED"]];
  for (const row of certificates) leaves.push(cellsOf(row, [row.authority ?? ""]));
  const cas = [["CERTIFICATE AUTHORITY", "EXPIRES", "RESIDUAL TIME", "EXTERNALLY MANAGED"]];
  for (const row of authorities) cas.push(cellsOf(row, []));
  return `${formatTable(leaves)}\n${formatTable(cas)}`;
}

function cellsOf({ name, notAfter, residualSeconds, isExternallyManaged }: Row, more: readonly string[]): string[] {
  if (notAfter === undefined) return [`!MISSING! ${name}`];
  const left = residualSeconds < 0 ? "<expired>" : humanDuration(residualSeconds);
  return [name, toKubernetesTime(notAfter), left, ...more, isExternallyManaged ? "yes" : "no"];
}
