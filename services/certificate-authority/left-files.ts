import { join } from "node:path";
import { systemClock } from "../shared/clock.ts";
import { writeFileDurably } from "../shared/durable-file.ts";
import type { Logger } from "../shared/logging.ts";
import type { Access } from "./access/access.ts";
import { type Configuration, ConfigurationError } from "./configuration.ts";
import type { LiveIssuers } from "./live-issuers.ts";
import type { ownIdentity } from "./own-identity.ts";
import { isAdministratorDue, leaveKubeconfigs } from "./own-kubeconfigs.ts";

const TOKEN_TTL_SECONDS = 86_400;

/** What the files are made of. */
export interface LeavingParts {
  readonly identity: ReturnType<typeof ownIdentity>;
  readonly access: Access;
  readonly issuers: LiveIssuers;
  /** Publishes the trust bundle where it is configured to. */
  readonly rotation: { publish(): Promise<unknown> };
}

/** Whether the administrator's certificate would be made anew. */
export function isAdministratorKubeconfigDue(
  { dataDirectory: directory }: Configuration,
  { issuers }: Pick<LeavingParts, "issuers">,
): boolean {
  const administrators = issuers.issuerFor("gatehouse.dev/administrator");
  if (administrators.kind === "awaited") return false;
  const administratorIssuerPem = administrators.issuer.description.certificatePem;
  return isAdministratorDue({ directory, administratorIssuerPem, clock: systemClock });
}

/**
 * Leaves `ca.crt` and the kubeconfigs in the data directory: what people and kubelets start from.
 *
 * @throws {ConfigurationError} when nobody signs for administrators yet.
 */
export async function leaveFiles(
  configuration: Configuration,
  { identity, access, issuers, rotation }: LeavingParts,
  serverUrl: string,
  logger: Logger,
): Promise<void> {
  const directory = configuration.dataDirectory;
  const caPem = issuers.directory.trustedPem;
  const administrators = issuers.issuerFor("gatehouse.dev/administrator");
  if (administrators.kind === "awaited") throw new ConfigurationError(administrators.message);
  await writeFileDurably(join(directory, "ca.crt"), caPem, { mode: 0o644, existing: "replaced" });
  await rotation.publish();
  await leaveKubeconfigs({
    directory,
    serverUrl,
    caPem,
    administratorIssuerPem: administrators.issuer.description.certificatePem,
    clock: systemClock,
    logger,
    newAdministratorCertificate: identity.administrator,
    newBootstrapToken: async () => {
      const wanted = {
        description: "made at first start",
        ttlSeconds: TOKEN_TTL_SECONDS,
        groups: [],
        id: undefined,
        nodeName: undefined,
      };
      return (await access.tokenAdministration.create(wanted, "gatehouse")).token;
    },
  });
}
