import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { parseAllDocuments } from "yaml";
import { loadConfiguration } from "../../services/certificate-authority/configuration.ts";

const DIRECTORY = join(import.meta.dirname, "../../config/kubernetes");

interface Manifest {
  readonly kind: string;
  readonly metadata?: { readonly name: string; readonly namespace?: string };
  readonly [field: string]: unknown;
}

const manifestsOf = (file: string): readonly Manifest[] =>
  parseAllDocuments(readFileSync(join(DIRECTORY, file), "utf8")).map((document) => document.toJS() as Manifest);

const kustomization = manifestsOf("kustomization.yaml")[0] as unknown as { readonly resources: readonly string[] };

test("every manifest is applied", () => {
  const files = readdirSync(DIRECTORY).filter((name) => name.endsWith(".yaml"));
  const notManifests = ["kustomization.yaml", "gatehouse.yaml"];
  expect([...kustomization.resources].sort()).toEqual(files.filter((name) => !notManifests.includes(name)).sort());
});

test("the configuration is valid, and the rights are for the objects that it names", () => {
  const { cluster, server } = loadConfiguration({ configFile: join(DIRECTORY, "gatehouse.yaml") });
  const { namespace, name } = cluster.leaderElection;
  const roles = manifestsOf("rbac.yaml").filter(({ kind }) => kind === "Role");
  const mayUse = (where: string, what: string) =>
    roles
      .filter(({ metadata }) => metadata?.namespace === where)
      .some((role) => JSON.stringify(role["rules"]).includes(`"resourceNames":["${what}"]`));
  expect(mayUse(namespace, name)).toBe(true);
  expect(mayUse(cluster.trustBundle.configMap?.namespace ?? "", cluster.trustBundle.configMap?.name ?? "")).toBe(true);
  const [service] = manifestsOf("service.yaml");
  expect(server.names).toEqual([`${service?.metadata?.name}.${service?.metadata?.namespace}.svc`]);
});

test("everything belongs to one service account", () => {
  const [account] = manifestsOf("service-account.yaml");
  const subject = { kind: "ServiceAccount", name: account?.metadata?.name, namespace: account?.metadata?.namespace };
  const bindings = manifestsOf("rbac.yaml").filter(({ kind }) => kind.endsWith("Binding"));
  for (const binding of bindings) expect(binding["subjects"]).toEqual([subject]);
  expect(JSON.stringify(manifestsOf("controller.yaml"))).toContain(`"serviceAccountName":"${account?.metadata?.name}"`);
});

test("no rule has a wildcard", () => {
  expect(JSON.stringify(manifestsOf("rbac.yaml"))).not.toContain('"*"');
});
