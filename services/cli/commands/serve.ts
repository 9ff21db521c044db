import { type Command, Option } from "commander";
import type { LoadCertificateAuthority } from "../certificate-authority.ts";
import { explain } from "../explain.ts";
import { withExamples } from "../options.ts";

interface Options {
  readonly config?: string;
  readonly dataDir?: string;
  readonly listen?: string;
  readonly logLevel?: string;
}

const DATA_DIRECTORY_HELP = `
The data directory holds:
  admin.kubeconfig       a client certificate with every right; keep it to yourself
  bootstrap.kubeconfig   a bootstrap token for kubelets
  ca.crt                 the CA certificates to trust
  gatehouse.db           the ledger: requests, decisions, certificates, tokens (SQLite)
  keys/                  private keys, encrypted
Secrets come from files or the environment, never from options.`;

export function addServe(parent: Command, load: LoadCertificateAuthority): void {
  const command = parent
    .command("serve")
    .summary("run the standalone certificate authority")
    .description(
      "Run the standalone certificate authority. With nothing configured it makes a CA, an administrator and a bootstrap\n" +
        'token, all on 127.0.0.1. It prints "gatehouse ready https://HOST:PORT" when it accepts connections, and stops on\n' +
        "SIGTERM and SIGINT after it has finished what it accepted.",
    )
    .option("--config <file>", "configuration file (YAML, kind GatehouseConfiguration)")
    .option("--data-dir <directory>", "where everything is kept (default: data)")
    .option("--listen <host:port>", "where to listen; port 0 picks a free one (default: 127.0.0.1:9443)")
    .addOption(
      new Option("--log-level <level>", "how much to log").choices(["silent", "error", "warn", "info", "debug"]),
    )
    .addHelpText("after", DATA_DIRECTORY_HELP)
    .action(async ({ config, dataDir, listen, logLevel }: Options) => {
      const { serve } = await load();
      await serve({
        ...(config !== undefined && { configFile: config }),
        ...(dataDir !== undefined && { dataDirectory: dataDir }),
        ...(listen !== undefined && { listen }),
        ...(logLevel !== undefined && { logLevel }),
      }).catch(explain);
    });
  withExamples(command, [
    "gatehouse serve",
    "gatehouse serve --data-dir /var/lib/gatehouse --listen 0.0.0.0:9443",
    "gatehouse serve --config /etc/gatehouse/gatehouse.yaml --log-level debug",
  ]);
}
