import { fileURLToPath } from "node:url";
import { ServerProcess } from "./server-process.ts";
import type { TestAuthority } from "./test-authority.ts";

const FLOOR_SERVER = fileURLToPath(new URL("./floor-server.ts", import.meta.url));

/** Starts the bare HTTPS server whose CPU time for a handshake, a GET and a close is F. */
export async function startFloor(authority: TestAuthority): Promise<ServerProcess> {
  return ServerProcess.start({
    command: process.execPath,
    args: [FLOOR_SERVER, authority.serverCertificateFile, authority.serverKeyFile],
    environment: { NODE_NO_WARNINGS: "1" },
    ready: /^ready (https:\S+)$/m,
  });
}
