import { existsSync } from "node:fs";
import { join } from "node:path";

const DEFAULT_ASSETS = "/usr/local/kubebuilder/bin";

/** Path of a program of Kubernetes below `KUBEBUILDER_ASSETS`, or where kubebuilder puts it; undefined without it. */
export function findKubernetesProgram(name: string): string | undefined {
  const path = join(process.env["KUBEBUILDER_ASSETS"] ?? DEFAULT_ASSETS, name);
  return existsSync(path) ? path : undefined;
}
