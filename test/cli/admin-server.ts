import { adminApiOver } from "../builders/admin-api.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { buildTlsIdentity } from "../builders/tls-identity.ts";
import { gatehouse, NOW, type RunOptions, startListener } from "./fixture.ts";

/** The real admin API over fakes, behind TLS, and the command that talks to it. */
export async function startAdminServer() {
  const { app, ...fakes } = adminApiOver(temporaryDirectory(), NOW);
  const identity = await buildTlsIdentity();
  const server = await startListener(identity, app);
  const command = (args: readonly string[], options: RunOptions = {}) =>
    gatehouse([...args, "--kubeconfig", server.kubeconfig], options);
  return { ...fakes, ...server, caPem: identity.caPem, command };
}
