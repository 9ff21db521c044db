import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";

export const CONFIG = join(import.meta.dirname, "../../../config");
const CHART = join(CONFIG, "helm/gatehouse");

/** An object of Kubernetes as a file has it. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
}

/** @throws with everything that the program said unless it succeeded. */
function outputOf(program: string, args: readonly string[], input?: string): string {
  const { status, stdout, stderr } = spawnSync(program, args, {
    encoding: "utf8",
    ...(input !== undefined && { input }),
  });
  if (status !== 0) throw new Error(`${program} ${args.join(" ")}: ${stdout}${stderr}`);
  return stdout;
}

export function parseManifests(text: string): readonly Manifest[] {
  return parseAllDocuments(text)
    .map((document) => document.toJS() as Manifest | null)
    .filter((object) => object !== null);
}

/** What `kubectl apply -k` would apply. */
export function kustomized(kubectl: string, directory: string): string {
  return outputOf(kubectl, ["kustomize", directory]);
}

/** What `helm install gatehouse` would apply with these values over the chart's own. @throws when they are refused. */
export function helmRendered(helm: string, values: object = {}): string {
  const args = ["template", "gatehouse", CHART, "--namespace", "gatehouse-system", "--values", "-"];
  return outputOf(helm, args, JSON.stringify(values));
}

/** What `helm lint` says. @throws when it finds something. */
export function helmLinted(helm: string): string {
  return outputOf(helm, ["lint", "--strict", CHART]);
}
