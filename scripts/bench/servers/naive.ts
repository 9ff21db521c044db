import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ServerProcess } from "./server-process.ts";
import type { TestAuthority } from "./test-authority.ts";

const NAIVE_SERVER = fileURLToPath(new URL("../naive-server.ts", import.meta.url));

/** Starts the server that one would write first. */
export async function startNaive(authority: TestAuthority): Promise<ServerProcess> {
  const { directory, caCertificateFile, caKeyFile, serverCertificateFile, serverKeyFile } = authority;
  const database = join(mkdtempSync(join(directory, "naive-")), "naive.db");
  return ServerProcess.start({
    command: process.execPath,
    args: [NAIVE_SERVER, database, caCertificateFile, caKeyFile, serverCertificateFile, serverKeyFile],
    environment: { NODE_NO_WARNINGS: "1" },
    ready: /^ready (https:\S+)$/m,
  });
}
