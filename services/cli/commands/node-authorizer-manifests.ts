import { chmodSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Command, Option } from "commander";
import type { LoadCertificateAuthority } from "../certificate-authority.ts";
import { CommandError, messageOf, usageError } from "../command-error.ts";
import type { LoadNodeAuthorizer } from "../node-authorizer.ts";
import { parseSeconds, withExamples } from "../options.ts";
import { formatTable } from "../output.ts";
import type { Terminal } from "../terminal.ts";
import { DEFAULT_AUTHORIZER_ADDRESS } from "./node-authorizer.ts";

const YEAR_SECONDS = 365 * 86_400;
const CA_NAME = "gatehouse-node-authorizer-ca";

interface Options {
  readonly output: string;
  readonly url: string;
  readonly directory?: string;
  readonly mode: "veto" | "full";
  readonly user: string;
  readonly lifetime: number;
  readonly remember?: number;
  readonly force: boolean;
}

const DESCRIPTION =
  "Write what puts a kube-apiserver behind the node-authorizer: AuthorizationConfiguration, ValidatingWebhookConfiguration, " +
  "MutatingWebhookConfiguration, AdmissionConfiguration, the kubeconfigs by which both webhooks are called, RBAC for the node-authorizer, and certificates " +
  "by which the two trust each other, under a CA that signs nothing else.";

export function addNodeAuthorizerManifests(
  parent: Command,
  terminal: Terminal,
  load: LoadNodeAuthorizer,
  loadAuthority: LoadCertificateAuthority,
): void {
  const command = parent
    .command("manifests")
    .summary("write what puts a kube-apiserver behind the node-authorizer")
    .description(DESCRIPTION)
    .requiredOption("--output <directory>", "where to write; made when it is not there")
    .option("--url <url>", "how kube-apiserver reaches the node-authorizer", `https://${DEFAULT_AUTHORIZER_ADDRESS}`)
    .option("--directory <path>", "where the files will lie on the control plane node (default: --output)")
    .addOption(
      new Option("--mode <mode>", "full takes the Node authorizer's place").choices(["veto", "full"]).default("veto"),
    )
    .option("--user <name>", "who the node-authorizer is in the cluster", "gatehouse-node-authorizer")
    .option(
      "--remember <duration>",
      "how long kube-apiserver goes on with an answer: fewer questions, slower revocation (default: it asks each time)",
      parseSeconds,
    )
    .option("--lifetime <duration>", "of the certificates", parseSeconds, YEAR_SECONDS)
    .option("--force", "replace what is there: the certificates are made anew", false)
    .action(async (options: Options) => {
      const url = parsedUrl(options.url);
      const output = resolve(terminal.workingDirectory, options.output);
      const { makeServiceCertificates } = await loadAuthority();
      const wishes = [
        {
          commonName: "gatehouse-node-authorizer",
          purpose: "serverAuth",
          names: [hostOf(url), "localhost", "127.0.0.1", "::1"],
        },
        { commonName: "kube-apiserver", purpose: "clientAuth", names: [] },
      ] as const;
      const made = await makeServiceCertificates(CA_NAME, wishes, options.lifetime);
      const [serving, client] = made.certificates;
      if (serving === undefined || client === undefined) throw new Error("no certificates were made");
      const files = (await load()).manifests({
        url: url.origin,
        mode: options.mode,
        rememberedSeconds: options.remember,
        directory: resolve(terminal.workingDirectory, options.directory ?? options.output),
        caPem: made.caPem,
        clientCertificatePem: client.certificatePem,
        clientKeyPem: client.keyPem,
        userName: options.user,
      });
      const certificates = [
        { name: "ca.crt", content: made.caPem, isSecret: false },
        { name: "serving.crt", content: serving.certificatePem + made.caPem, isSecret: false },
        { name: "serving.key", content: serving.keyPem, isSecret: true },
      ];
      const written = writeAll(output, [...files, ...certificates], options.force);
      terminal.stdout.write(
        formatTable([["FILE", "FOR"], ...written.map((name) => [join(options.output, name), purposeOf(name)])]),
      );
    });
  withExamples(command, [
    "gatehouse node-authorizer manifests --output /etc/kubernetes/node-authorizer",
    "gatehouse node-authorizer manifests --output out --directory /etc/kubernetes/node-authorizer --mode full",
  ]);
}

const PURPOSES: Readonly<Record<string, string>> = {
  "authorization-configuration.yaml": "kube-apiserver --authorization-config",
  "validating-webhook-configuration.yaml": "kubectl apply -f",
  "mutating-webhook-configuration.yaml": "kubectl apply -f",
  "admission-configuration.yaml": "kube-apiserver --admission-control-config-file",
  "rbac.yaml": "kubectl apply -f",
  "authorize.kubeconfig": "named by authorization-configuration.yaml",
  "admit.kubeconfig": "named by admission-configuration.yaml; gatehouse node-authorizer explain --kubeconfig",
  "ca.crt": "gatehouse node-authorizer --client-ca",
  "serving.crt": "gatehouse node-authorizer --tls-certificate",
  "serving.key": "gatehouse node-authorizer --tls-key",
};

function purposeOf(name: string): string {
  return PURPOSES[name] ?? "";
}

interface OutputFile {
  readonly name: string;
  readonly content: string;
  readonly isSecret: boolean;
}

/** All of them or none: half of a set of certificates trusts nobody. @throws {CommandError} */
function writeAll(directory: string, files: readonly OutputFile[], isForced: boolean): readonly string[] {
  const present = files.filter(({ name }) => existsSync(join(directory, name))).map(({ name }) => name);
  if (present.length > 0 && !isForced) {
    throw new CommandError(
      `${directory} has ${present.join(", ")} already`,
      "Give --force to make them anew, or another --output.",
    );
  }
  try {
    mkdirSync(directory, { recursive: true, mode: 0o755 });
    for (const { name, content, isSecret } of files) {
      const path = join(directory, name);
      writeFileSync(path, content, { mode: isSecret ? 0o600 : 0o644 });
      // The mode above is for new files only.
      chmodSync(path, isSecret ? 0o600 : 0o644);
    }
  } catch (cause) {
    throw new CommandError(`cannot write to ${directory}: ${messageOf(cause)}`, undefined, { cause });
  }
  return files.map(({ name }) => name);
}

function parsedUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === "https:" && url.pathname === "/" && url.search === "") return url;
  throw usageError(`--url ${text}: give https://HOST:PORT`);
}

function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, "");
}
