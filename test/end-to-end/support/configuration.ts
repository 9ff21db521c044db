import { join } from "node:path";

/** Lets whoever holds a bootstrap token have a node's certificate without a person. */
const AUTO_APPROVE_FILE = join(import.meta.dirname, "../../../config/rbac/auto-approve-bootstrap.yaml");

/** The content of a configuration file; JSON is YAML. */
export function configurationWith(settings: object): string {
  return JSON.stringify({ apiVersion: "gatehouse.dev/v1", kind: "GatehouseConfiguration", ...settings });
}

/** As `configurationWith`, joins being approved automatically, also those that take the name of a node that there is. */
export function autoApproving(
  settings: { readonly approval?: object } & Readonly<Record<string, unknown>> = {},
): string {
  const approval = { guards: { firstJoin: "allow" }, ...settings.approval };
  return configurationWith({ rbac: { files: [AUTO_APPROVE_FILE] }, ...settings, approval });
}
