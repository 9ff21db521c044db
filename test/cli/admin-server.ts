import { routes } from "../../services/certificate-authority/http/admin-api/routes.ts";
import { appOf } from "../builders/edge.ts";
import { buildTlsIdentity } from "../builders/tls-identity.ts";
import {
  FakeCertificates,
  FakeDecisions,
  FakeIssuers,
  FakeMaintenance,
  FakeRequests,
  FakeTokenAdministration,
} from "../fakes/admin-ports.ts";
import { gatehouse, NOW, type RunOptions, startListener, temporaryDirectory } from "./fixture.ts";

/** The real admin API over fakes, behind TLS, and the command that talks to it. */
export async function startAdminServer() {
  const fakes = {
    certificates: new FakeCertificates(),
    decisions: new FakeDecisions(),
    requests: new FakeRequests(),
    issuers: new FakeIssuers(),
    maintenance: new FakeMaintenance(),
    tokens: new FakeTokenAdministration(NOW),
    backupDirectory: temporaryDirectory(),
  };
  const identity = await buildTlsIdentity();
  const server = await startListener(identity, appOf(routes({ ...fakes, clock: { now: () => NOW } })));
  const command = (args: readonly string[], options: RunOptions = {}) =>
    gatehouse([...args, "--kubeconfig", server.kubeconfig], options);
  return { ...fakes, ...server, caPem: identity.caPem, command };
}
