import { type Command, Option } from "commander";
import type { LoadCertificateAuthority } from "../certificate-authority.ts";
import { usageError } from "../command-error.ts";
import { explain } from "../explain.ts";
import type { LoadNodeAuthorizer } from "../node-authorizer.ts";
import { collect, withExamples } from "../options.ts";

export const DEFAULT_AUTHORIZER_ADDRESS = "127.0.0.1:9446";

const LOG_LEVELS = ["silent", "error", "warn", "info", "debug"] as const;
/** A run makes its own certificate when none is named; it is good for as long as one is likely to run. */
const MADE_LIFETIME_SECONDS = 365 * 86_400;

interface Options {
  readonly kubeconfig?: string;
  readonly objects?: string;
  readonly mode: "veto" | "full";
  readonly featureGates: string;
  readonly listen: string;
  readonly tlsCertificate?: string;
  readonly tlsKey?: string;
  readonly clientCa?: string;
  readonly allowedClient?: readonly string[];
  readonly authority?: string;
  readonly revocations?: string;
  readonly stateDir: string;
  readonly requireCredentialId: boolean;
  readonly logLevel: (typeof LOG_LEVELS)[number];
}

const DESCRIPTION =
  "Guard a kube-apiserver: a webhook for authorization (/authorize) and one for admission (/admit/node-restriction). " +
  "In mode veto, the default, revoked certificates and quarantined nodes are refused and there is no opinion on anything " +
  "else; it stands in front of kube-apiserver's own Node and RBAC authorizers. In mode full it also allows what " +
  "Kubernetes' node authorizer would, from the pods of a cluster (--kubeconfig) or from a file (--objects).";

/** @returns the command, for the commands below it. */
export function addNodeAuthorizer(
  parent: Command,
  load: LoadNodeAuthorizer,
  loadAuthority: LoadCertificateAuthority,
): Command {
  const command = parent
    .command("node-authorizer")
    .summary("guard a kube-apiserver: nodes reach only what their pods need")
    .description(DESCRIPTION)
    .option("--kubeconfig <file>", "the cluster whose objects are watched")
    .option(
      "--objects <file>",
      "objects instead of a cluster: a List, or watch events as JSON lines; - reads standard input",
    )
    .addOption(new Option("--mode <mode>", "what to decide").choices(["veto", "full"]).default("veto"))
    .option("--feature-gates <list>", "Kubernetes' feature switches, for example A=true,B=false", "")
    .option("--listen <host:port>", "where to listen; port 0 picks a free one", DEFAULT_AUTHORIZER_ADDRESS)
    .option("--tls-certificate <file>", "serving certificate, PEM (default: one made for this run)")
    .option("--tls-key <file>", "its key, PEM")
    .option("--client-ca <file>", "CA of callers' certificates, PEM; needed to listen on anything but loopback")
    .option(
      "--allowed-client <name>",
      "common name of a caller; repeatable (default: whoever --client-ca vouches for)",
      collect,
    )
    .option("--authority <kubeconfig>", "the certificate authority whose revocations are followed")
    .option("--revocations <file>", "a file of revocations instead: a SHA-256 fingerprint or node/NAME a line")
    .option("--state-dir <directory>", "where revocations are kept over a restart", "node-authorizer-state")
    .option(
      "--require-credential-id",
      "refuse nodes whose certificate kube-apiserver does not name (needs 1.32)",
      false,
    )
    .addOption(new Option("--log-level <level>", "what to log").choices([...LOG_LEVELS]).default("info"))
    .action(async (options: Options) => {
      const { serveNodeAuthorizer } = await load();
      const { tlsCertificate: certificateFile, tlsKey: keyFile } = options;
      if ((certificateFile === undefined) !== (keyFile === undefined)) {
        throw usageError("--tls-certificate and --tls-key: give both, or neither");
      }
      const tls = certificateFile !== undefined && keyFile !== undefined ? { certificateFile, keyFile } : undefined;
      const { kubeconfig, objects, mode, featureGates, listen, authority, revocations } = options;
      await serveNodeAuthorizer({
        ...{ kubeconfig, objects, mode, featureGates, listen, authority, revocations, tls },
        makeServing: () => makeServing(loadAuthority, options.listen),
        clientCaFile: options.clientCa,
        allowedClients: options.allowedClient ?? [],
        stateDirectory: options.stateDir,
        requireCredentialId: options.requireCredentialId,
        logLevel: options.logLevel,
      }).catch(explain);
    });
  return withExamples(command, [
    "gatehouse node-authorizer --objects cluster.json --mode full",
    "kubectl get pods -A -w -o json --output-watch-events | jq -c | gatehouse node-authorizer --objects - --mode full",
    "gatehouse node-authorizer manifests --output /etc/kubernetes/node-authorizer",
    "gatehouse node-authorizer --kubeconfig authorizer.kubeconfig --authority gatehouse.kubeconfig " +
      "--tls-certificate serving.crt --tls-key serving.key --client-ca ca.crt",
  ]);
}

async function makeServing(loadAuthority: LoadCertificateAuthority, listen: string) {
  const { makeServiceCertificates } = await loadAuthority();
  const host = listen.slice(0, listen.lastIndexOf(":")).replace(/^\[|\]$/g, "");
  const names = ["localhost", "127.0.0.1", "::1", host];
  const wish = { commonName: "gatehouse-node-authorizer", purpose: "serverAuth", names } as const;
  const { caPem, certificates } = await makeServiceCertificates(
    "gatehouse-node-authorizer-ca",
    [wish],
    MADE_LIFETIME_SECONDS,
  );
  const [serving] = certificates;
  if (serving === undefined) throw new Error("no serving certificate was made");
  return { certificatePem: serving.certificatePem + caPem, keyPem: serving.keyPem };
}
