import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Configuration, loadConfiguration } from "../../services/certificate-authority/configuration.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

/** These settings as they are read from a configuration file. */
export function temporaryConfiguration(settings: object): Configuration {
  const configFile = join(temporaryDirectory(), "gatehouse.yaml");
  const head = { apiVersion: "gatehouse.dev/v1", kind: "GatehouseConfiguration" };
  writeFileSync(configFile, JSON.stringify({ ...head, ...settings }));
  return loadConfiguration({ configFile });
}
