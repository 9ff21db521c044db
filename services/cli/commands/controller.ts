import { type Command, Option } from "commander";
import type { LoadCertificateAuthority } from "../certificate-authority.ts";
import { explain } from "../explain.ts";
import { withExamples } from "../options.ts";

interface Options {
  readonly kubeconfig?: string;
  readonly config?: string;
  readonly dataDir?: string;
  readonly listen?: string;
  readonly logLevel?: string;
}

const DESCRIPTION =
  "Approve, sign and clean up the CertificateSigningRequests of a Kubernetes cluster, in place of kube-controller-manager.\n" +
  "Every request, decision and certificate is on record in the data directory, and can be asked for as on the standalone\n" +
  "server. Replicas, each with a data directory of its own, take turns by a Lease.\n\n" +
  "kube-controller-manager must leave the requests alone:\n" +
  "  --controllers=*,-certificatesigningrequest-approving-controller,-certificatesigningrequest-signing-controller,\n" +
  "    -certificatesigningrequest-cleaner-controller";

export function addController(parent: Command, load: LoadCertificateAuthority): void {
  const command = parent
    .command("controller")
    .summary("approve and sign the requests of a cluster")
    .description(DESCRIPTION)
    .option("--kubeconfig <file>", "the cluster (default: the one of the pod this runs in)")
    .option("--config <file>", "configuration file (YAML, kind GatehouseConfiguration)")
    .option("--data-dir <directory>", "where everything is kept (default: data)")
    .option("--listen <host:port>", "where records, health and metrics are asked for (default: 127.0.0.1:9443)")
    .addOption(
      new Option("--log-level <level>", "how much to log").choices(["silent", "error", "warn", "info", "debug"]),
    )
    .action(async ({ kubeconfig, config, dataDir, listen, logLevel }: Options) => {
      const { control } = await load();
      const overrides = {
        ...(config !== undefined && { configFile: config }),
        ...(dataDir !== undefined && { dataDirectory: dataDir }),
        ...(listen !== undefined && { listen }),
        ...(logLevel !== undefined && { logLevel }),
      };
      await control(overrides, { kubeconfigFile: kubeconfig }).catch(explain);
    });
  withExamples(command, [
    "gatehouse controller --kubeconfig controller.kubeconfig",
    "gatehouse controller --config /etc/gatehouse/gatehouse.yaml --data-dir /var/lib/gatehouse",
  ]);
}
